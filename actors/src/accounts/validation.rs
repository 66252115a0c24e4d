//! What an account's fields must look like. Every issue of a request is found, not only the first.

use zeroize::Zeroizing;

use crate::domain::{
    error::{Error, FieldIssue, Result},
    user::NewUser,
};

/// RFC 5321, 4.5.3.1.3: a path of 256 octets less its angle brackets.
const MAX_EMAIL: usize = 254;
/// RFC 5321, 4.5.3.1.1.
const MAX_LOCAL_PART: usize = 64;
/// RFC 1035, 2.3.4.
const MAX_LABEL: usize = 63;
/// Characters, not bytes.
const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 8..=128;
const MAX_NAME: usize = 100;

/// An account to be made whose fields were all checked; e-mail in lower case, names without outer white space.
pub(super) struct ValidUser {
    pub(super) email: String,
    pub(super) password: Zeroizing<String>,
    pub(super) first_name: String,
    pub(super) last_name: String,
}

/// Checks all fields of a new account.
pub(super) fn new_user(new: NewUser) -> Result<ValidUser> {
    let password = Zeroizing::new(new.password);
    let mut issues = Vec::new();
    let email = check(&mut issues, "email", email(&new.email));
    check(&mut issues, "password", self::password(&password));
    let first_name = check(&mut issues, "first_name", name(&new.first_name));
    let last_name = check(&mut issues, "last_name", name(&new.last_name));
    match (email, first_name, last_name) {
        (Some(email), Some(first_name), Some(last_name)) if issues.is_empty() => {
            Ok(ValidUser { email, password, first_name, last_name })
        }
        _ => Err(Error::Invalid(issues)),
    }
}

/// Checks the names of a change; one that is absent stays absent.
pub(super) fn names(first: Option<&str>, last: Option<&str>) -> Result<(Option<String>, Option<String>)> {
    let mut issues = Vec::new();
    let first = first.and_then(|n| check(&mut issues, "first_name", name(n)));
    let last = last.and_then(|n| check(&mut issues, "last_name", name(n)));
    if issues.is_empty() { Ok((first, last)) } else { Err(Error::Invalid(issues)) }
}

/// Checks a password that is to replace another.
pub(super) fn new_password(new: &str) -> Result<()> {
    password(new).map_err(|issue| Error::invalid("new_password", issue))
}

/// Whether a password could be anybody's; one that could not need not be hashed.
pub(super) fn could_be_password(password: &str) -> bool {
    self::password(password).is_ok()
}

fn check<T>(issues: &mut Vec<FieldIssue>, field: &str, checked: Result<T, &'static str>) -> Option<T> {
    checked.map_err(|issue| issues.push(FieldIssue::new(field, issue))).ok()
}

/// The address in lower case, if it is one. The grammar is that of HTML's `<input type=email>` (a sane subset of RFC
/// 5322: no comments, no quoted parts, ASCII only), except that the domain needs a dot unless it is `localhost`.
/// Keeping to ASCII also keeps look-alike addresses out, and lower case the same here and in the database.
pub(super) fn email(text: &str) -> Result<String, &'static str> {
    if text.len() > MAX_EMAIL {
        return Err("must be at most 254 characters long");
    }
    let Some((local, domain)) = text.split_once('@') else {
        return Err("must be an e-mail address, like ada@example.org");
    };
    let local_is_valid = (1..=MAX_LOCAL_PART).contains(&local.len())
        && local.bytes().all(|b| b.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&b));
    if !local_is_valid {
        return Err("has characters before the @ that an e-mail address cannot have, or not between 1 and 64 of them");
    }
    let is_name = domain.contains('.') || domain.eq_ignore_ascii_case("localhost");
    if !is_name || !domain.split('.').all(is_label) {
        return Err("must end in a domain, like example.org; write an international one in its xn-- form");
    }
    Ok(text.to_ascii_lowercase())
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn password(text: &str) -> Result<(), &'static str> {
    if PASSWORD_LENGTH.contains(&text.chars().count()) { Ok(()) } else { Err("must be 8 to 128 characters long") }
}

fn name(text: &str) -> Result<String, &'static str> {
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters");
    }
    let name = text.trim();
    if (1..=MAX_NAME).contains(&name.chars().count()) {
        Ok(name.to_owned())
    } else {
        Err("must be 1 to 100 characters long")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::caller::Role;

    #[test]
    fn addresses_are_lower_cased() {
        assert_eq!(email("Ada.Lovelace+Notes@Example.ORG").as_deref(), Ok("ada.lovelace+notes@example.org"));
        assert_eq!(email("dev@localhost").as_deref(), Ok("dev@localhost"));
        assert_eq!(email("o'neil@xn--bcher-kva.example").as_deref(), Ok("o'neil@xn--bcher-kva.example"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long_local = format!("{}@example.org", "a".repeat(65));
        let long = format!("a@{}.org", ["b".repeat(60), "c".repeat(60), "d".repeat(60), "e".repeat(70)].join("."));
        for text in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.org",
            "ada@example",
            "ada@@example.org",
            "ada@b@example.org",
            "ada lovelace@example.org",
            "ada@exa mple.org",
            "ada@example..org",
            "ada@.org",
            "ada@example.org.",
            "ada@-example.org",
            "ada@example-.org",
            "ada\0@example.org",
            "ada@example.org\n",
            "\u{441}@example.org",
            "ada@b\u{fc}cher.example",
            long_local.as_str(),
            long.as_str(),
        ] {
            assert!(email(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn every_issue_is_listed_at_once() {
        let new = NewUser {
            email: "nobody".into(),
            password: "short".into(),
            first_name: "  ".into(),
            last_name: "a\0b".into(),
            role: Role::User,
        };
        let Err(Error::Invalid(issues)) = new_user(new) else { panic!("accepted") };
        let fields: Vec<&str> = issues.iter().map(|i| i.field.as_str()).collect();
        assert_eq!(fields, ["email", "password", "first_name", "last_name"]);
    }

    #[test]
    fn lengths_count_characters_and_bounds_are_inclusive() {
        for (password_length, ok) in [(7, false), (8, true), (128, true), (129, false)] {
            assert_eq!(password(&"ß".repeat(password_length)).is_ok(), ok, "{password_length}");
        }
        for (name_length, ok) in [(0, false), (1, true), (100, true), (101, false)] {
            assert_eq!(name(&"é".repeat(name_length)).is_ok(), ok, "{name_length}");
        }
        assert_eq!(name(" Ada ").as_deref(), Ok("Ada"));
        assert!(name("A\u{7}da").is_err() && name("A\u{85}da").is_err());
    }

    #[test]
    fn an_absent_name_is_no_issue() {
        assert!(matches!(names(None, None), Ok((None, None))));
        assert!(matches!(names(Some(" Ada "), None), Ok((Some(n), None)) if n == "Ada"));
        let Err(Error::Invalid(issues)) = names(Some(""), Some("\n")) else { panic!("accepted") };
        assert_eq!(issues.len(), 2);
    }
}
