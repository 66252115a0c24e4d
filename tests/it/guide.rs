//! The guide's commands do what the guide says: they are run, in its order, in one shell.

use std::process::Command;

use crate::harness::shared;

/// The contents of the fenced blocks of that language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let (mut blocks, mut open) = (Vec::new(), None::<Vec<&str>>);
    for line in page.lines() {
        open = match open.take() {
            None if line.trim_end() == format!("```{language}") => Some(Vec::new()),
            None => None,
            Some(block) if line.trim_end() == "```" => {
                blocks.push(block.join("\n"));
                None
            }
            Some(mut block) => {
                block.push(line);
                Some(block)
            }
        };
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

#[test]
fn the_guides_commands_work_in_the_guides_order() {
    let root = env!("CARGO_MANIFEST_DIR");
    let page = std::fs::read_to_string(format!("{root}/docs/guide.md")).expect("the guide");
    let blocks = blocks(&page, "sh");
    assert!(blocks.len() >= 8, "{} blocks", blocks.len());
    // The number of each block before it runs, so that a failure can be found.
    let steps: String =
        blocks.iter().enumerate().map(|(n, block)| format!("echo \"== block {n}\" >&2\n{block}\n")).collect();
    let script = format!("set -euo pipefail\n{steps}");
    let run = Command::new("bash")
        .args(["-c", &script])
        .current_dir(root)
        .env("KGL_URL", &shared().url)
        .env_remove("KGL_TOKEN")
        .output()
        .expect("bash runs");
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{}\n{out}\n{err}", run.status);
    assert!(err.contains(&format!("== block {}", blocks.len() - 1)), "{err}");
    // What the page promises to its reader.
    assert!(out.contains("completed"), "the job ends: {out}");
    assert!(out.contains("Nokia | acquires | Navteq"), "the fact is read: {out}");
    assert!(out.contains("every quote is the text at its span"), "{out}");
    assert!(out.contains("ValidationError"), "{out}");
}
