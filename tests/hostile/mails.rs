//! Mails: parts without end, mails in mails, attachments that explode.

use std::fmt::Write;

use super::{Hostile, documents};

fn mail(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Hostile {
    Hostile::new(format!("mail: {}", name.into()), "message/rfc822", bytes)
}

const HEAD: &str = "From: a@example.org\r\nSubject: s\r\nMIME-Version: 1.0\r\n";

/// All of them.
pub fn all() -> Vec<Hostile> {
    let mut files = vec![
        mail("nothing", ""),
        mail("no headers", "hello"),
        mail("only headers", HEAD),
        mail("header of 5 MB", format!("Subject: {}\r\n\r\nx", "x".repeat(5 << 20))),
        mail("a million headers", format!("{}\r\nx", "A: b\r\n".repeat(1_000_000))),
        mail("a million lines of a header", format!("Subject: a\r\n{}\r\nx", " b\r\n".repeat(1_000_000))),
        mail("a million addresses", format!("To: {}\r\n\r\nx", "a@b.org, ".repeat(500_000))),
        mail("groups of addresses", format!("To: {}\r\n\r\nx", "a: ".repeat(500_000))),
        mail("comments in comments", format!("From: {}\r\n\r\nx", "(".repeat(1_000_000))),
        mail("encoded words", format!("Subject: {}\r\n\r\nx", "=?utf-8?q?=41?= ".repeat(300_000))),
        mail("encoded words without end", format!("Subject: {}\r\n\r\nx", "=?utf-8?q?".repeat(300_000))),
        mail("no boundary", format!("{HEAD}Content-Type: multipart/mixed\r\n\r\n--\r\n--\r\n")),
        mail(
            "empty boundary",
            format!("{HEAD}Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n{}", "--\r\n".repeat(500_000)),
        ),
        mail(
            "parameters without end",
            format!("{HEAD}Content-Type: text/plain; {}\r\n\r\nx", "a*0*=b; ".repeat(300_000)),
        ),
        mail(
            "base64 that is none",
            format!("{HEAD}Content-Transfer-Encoding: base64\r\n\r\n{}", "=*=!".repeat(1_000_000)),
        ),
        mail(
            "quoted that is none",
            format!("{HEAD}Content-Transfer-Encoding: quoted-printable\r\n\r\n{}", "=Z".repeat(2_000_000)),
        ),
        mail("unknown charset", format!("{HEAD}Content-Type: text/plain; charset=\"no such\"\r\n\r\nx")),
        mail("unknown encoding", format!("{HEAD}Content-Transfer-Encoding: no such\r\n\r\nx")),
        mail("date of no day", format!("{HEAD}Date: Xxx, 99 Zzz 999999 99:99:99 +9999\r\n\r\nx")),
        mail("a million quotes", format!("{HEAD}\r\n{}", ">\r\nx\r\n".repeat(500_000))),
    ];
    for (name, parts) in [("a hundred thousand parts", 100_000), ("a hundred attachments", 100)] {
        let part =
            "--b\r\nContent-Type: text/plain; name=\"a.txt\"\r\nContent-Disposition: attachment\r\n\r\nwords\r\n";
        files.push(mail(
            name,
            format!("{HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n", part.repeat(parts)),
        ));
    }
    for depth in [10, 1_000, 30_000] {
        let mut nested = HEAD.to_owned();
        for level in 0..depth {
            let _ = write!(nested, "Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
        }
        files.push(mail(format!("{depth} nested parts"), nested));
        let mails = format!("{HEAD}Content-Type: message/rfc822\r\n\r\n").repeat(depth);
        files.push(mail(format!("{depth} nested mails"), format!("{mails}From: a@b.org\r\n\r\nx")));
    }
    for (name, file, bytes) in [
        ("a document", "a.docx", documents::bomb(500)),
        ("noise", "a.pdf", super::texts::noise(100_000, 3)),
        ("nested JSON", "a.json", "[".repeat(1_000_000).into_bytes()),
    ] {
        let encoded = base64(&bytes);
        let part = format!(
            "--b\r\nContent-Disposition: attachment; filename={file}\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n"
        );
        files.push(mail(
            format!("with {name} that means harm"),
            format!("{HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee there\r\n{}--b--\r\n", part),
        ));
    }
    files
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len() * 4 / 3 + 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for n in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * n)) as usize & 63];
            out.push(if n > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    out
}
