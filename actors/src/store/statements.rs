//! Splits a migration script into its statements, for the schema's history.

/// The statements of a script, without comments around them. Knows quotes, dollar quotes and comments, and no more of
/// SQL than that.
#[must_use]
pub fn split(script: &str) -> Vec<String> {
    let (mut statements, mut current, mut rest) = (Vec::new(), String::new(), script);
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '-' if rest.starts_with("--") => {
                rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
                continue;
            }
            '/' if rest.starts_with("/*") => {
                rest = &rest[rest.find("*/").map_or(rest.len(), |at| at + 2)..];
                continue;
            }
            ';' => {
                push(&mut statements, &mut current);
                rest = &rest[1..];
                continue;
            }
            '\'' | '"' => quoted(rest, c),
            '$' => dollar_quoted(rest).unwrap_or(1),
            _ => c.len_utf8(),
        };
        current.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    push(&mut statements, &mut current);
    statements
}

fn push(statements: &mut Vec<String>, current: &mut String) {
    let statement = current.trim();
    if !statement.is_empty() {
        statements.push(statement.to_owned());
    }
    current.clear();
}

/// The length in bytes of a quoted text with its quotes; a doubled quote just opens the next one.
fn quoted(text: &str, quote: char) -> usize {
    text[1..].find(quote).map_or(text.len(), |at| at + 2)
}

/// The length in bytes of a `$tag$ … $tag$` text, if there is one here.
fn dollar_quoted(text: &str) -> Option<usize> {
    let tag_end = text[1..].find('$')? + 2;
    let tag = &text[..tag_end];
    if !tag[1..tag_end - 1].chars().all(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    Some(text[tag_end..].find(tag).map_or(text.len(), |at| tag_end + at + tag_end))
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn semicolons_in_quotes_and_bodies_do_not_end_a_statement() {
        let script = "-- first; comment\nCREATE TABLE a (x text DEFAULT ';'); /* b; */\nDO $$ BEGIN x; END $$;\n\
                      CREATE FUNCTION f() AS $b$ a; $$ b $b$; SELECT \"o;dd\", $1";
        let found = split(script);
        assert_eq!(found.len(), 4);
        assert_eq!(found[0], "CREATE TABLE a (x text DEFAULT ';')");
        assert_eq!(found[1], "DO $$ BEGIN x; END $$");
        assert_eq!(found[3], "SELECT \"o;dd\", $1");
    }

    #[test]
    fn every_shipped_script_splits_into_statements_that_hold_no_stray_semicolon() {
        for migration in crate::store::migrations::scripts() {
            let statements = split(migration.sql.as_str());
            assert!(!statements.is_empty(), "{}", migration.version);
        }
    }
}
