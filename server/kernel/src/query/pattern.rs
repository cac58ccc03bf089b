//! Regular expressions of callers: checked once, and written anew for each engine, so that both databases find the same.
//!
//! What the engines would take for different things is either given one meaning here or refused:
//! - `\w`, `\d`, `\s` and `\b` know the letters of ASCII alone; `\p{L}` and its like know all scripts;
//! - back-references and looking around (nothing that takes linear time can do that) are refused, and so are `\B`, `\<`,
//!   `\>`, and the flags `u` and `R`;
//! - the flags `i`, `m`, `s`, `x` and `U` are resolved here, so that no engine sees them;
//! - repetitions are counted up to [`MAX_REPEAT`], and all of them together make up to [`MAX_SIZE`] characters.

use regex_syntax::ast::parse::ParserBuilder;
use regex_syntax::ast::{
    AssertionKind, Ast, ClassAscii, ClassAsciiKind, ClassBracketed, ClassPerl, ClassPerlKind, ClassSet, ClassSetItem,
    Flag, Flags, FlagsItemKind, GroupKind,
};
use regex_syntax::hir::translate::TranslatorBuilder;
use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Look};

/// How often at the most something may be repeated, where a number says so. PostgreSQL knows no more.
const MAX_REPEAT: u32 = 255;

/// How many characters at the most a pattern may stand for once its counted repetitions are written out. Bounds the
/// memory and the time that any engine needs.
const MAX_SIZE: u64 = 1000;

/// How deep groups may be nested.
const MAX_DEPTH: u32 = 50;

/// A regular expression that every engine takes for the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    linear: String,
    postgres: String,
}

impl Pattern {
    /// Reads a regular expression.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parsed = ParserBuilder::new().nest_limit(MAX_DEPTH).build().parse(text);
        let mut ast = parsed.map_err(|error| error.kind().to_string())?;
        plain(&mut ast)?;
        let hir = TranslatorBuilder::new().build().translate(text, &ast).map_err(|error| error.kind().to_string())?;
        if size(&hir)? > MAX_SIZE {
            return Err("it is too large".into());
        }
        let mut pattern = Self { linear: String::new(), postgres: String::new() };
        write(&hir, &mut pattern.linear, Engine::Linear)?;
        write(&hir, &mut pattern.postgres, Engine::Postgres)?;
        Ok(pattern)
    }

    /// For the engines of the `regex` family, without any options.
    #[must_use]
    pub fn linear(&self) -> &str {
        &self.linear
    }

    /// For PostgreSQL's `~`, under the collation `C`.
    #[must_use]
    pub fn postgres(&self) -> &str {
        &self.postgres
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Engine {
    Linear,
    Postgres,
}

/// Gives the classes of Perl their ASCII meaning, and refuses what not every engine knows.
fn plain(ast: &mut Ast) -> Result<(), String> {
    match ast {
        Ast::ClassPerl(class) => {
            let kind = ClassSet::Item(ClassSetItem::Ascii(ascii(class)));
            *ast = Ast::class_bracketed(ClassBracketed { span: class.span, negated: false, kind });
            Ok(())
        }
        Ast::ClassBracketed(class) => {
            plain_set(&mut class.kind);
            Ok(())
        }
        Ast::Flags(flags) => check_flags(&flags.flags),
        Ast::Assertion(assertion) => match assertion.kind {
            AssertionKind::StartLine
            | AssertionKind::EndLine
            | AssertionKind::StartText
            | AssertionKind::EndText
            | AssertionKind::WordBoundary => Ok(()),
            _ => Err("of the boundaries only ^, $, \\A, \\z and \\b are supported".into()),
        },
        Ast::Repetition(repetition) => plain(&mut repetition.ast),
        Ast::Group(group) => {
            if let GroupKind::NonCapturing(flags) = &group.kind {
                check_flags(flags)?;
            }
            plain(&mut group.ast)
        }
        Ast::Alternation(parts) => parts.asts.iter_mut().try_for_each(plain),
        Ast::Concat(parts) => parts.asts.iter_mut().try_for_each(plain),
        Ast::Empty(_) | Ast::Literal(_) | Ast::Dot(_) | Ast::ClassUnicode(_) => Ok(()),
    }
}

fn ascii(class: &ClassPerl) -> ClassAscii {
    let kind = match class.kind {
        ClassPerlKind::Digit => ClassAsciiKind::Digit,
        ClassPerlKind::Space => ClassAsciiKind::Space,
        ClassPerlKind::Word => ClassAsciiKind::Word,
    };
    ClassAscii { span: class.span, kind, negated: class.negated }
}

fn plain_set(set: &mut ClassSet) {
    match set {
        ClassSet::Item(item) => plain_item(item),
        ClassSet::BinaryOp(operation) => {
            plain_set(&mut operation.lhs);
            plain_set(&mut operation.rhs);
        }
    }
}

fn plain_item(item: &mut ClassSetItem) {
    match item {
        ClassSetItem::Perl(class) => *item = ClassSetItem::Ascii(ascii(class)),
        ClassSetItem::Bracketed(class) => plain_set(&mut class.kind),
        ClassSetItem::Union(union) => union.items.iter_mut().for_each(plain_item),
        ClassSetItem::Empty(_)
        | ClassSetItem::Literal(_)
        | ClassSetItem::Range(_)
        | ClassSetItem::Ascii(_)
        | ClassSetItem::Unicode(_) => {}
    }
}

fn check_flags(flags: &Flags) -> Result<(), String> {
    let strange = |kind: &FlagsItemKind| matches!(kind, FlagsItemKind::Flag(Flag::Unicode | Flag::CRLF));
    if flags.items.iter().any(|item| strange(&item.kind)) {
        return Err("of the flags only i, m, s, x and U are supported".into());
    }
    Ok(())
}

/// How many characters it stands for when repetitions are written out.
fn size(hir: &Hir) -> Result<u64, String> {
    Ok(match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(Class::Unicode(class)) => 1 + class.ranges().len() as u64 / 8,
        HirKind::Class(Class::Bytes(class)) => 1 + class.ranges().len() as u64 / 8,
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or_else(|| repetition.min.saturating_add(1));
            if most.max(repetition.min) > MAX_REPEAT {
                return Err(format!("repetitions are counted up to {MAX_REPEAT}"));
            }
            size(&repetition.sub)?.saturating_mul(u64::from(most.max(1)))
        }
        HirKind::Capture(capture) => size(&capture.sub)?,
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            let mut sum = 1_u64;
            for part in parts {
                sum = sum.saturating_add(size(part)?);
            }
            sum
        }
    })
}

fn write(hir: &Hir, out: &mut String, engine: Engine) -> Result<(), String> {
    match hir.kind() {
        HirKind::Empty => out.push_str("(?:)"),
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).map_err(|error| error.to_string())?;
            if text.contains('\0') {
                return Err("no text has a NUL".into());
            }
            text.chars().for_each(|c| push(out, c));
        }
        HirKind::Class(Class::Unicode(class)) => write_class(class, out)?,
        HirKind::Class(Class::Bytes(class)) => {
            let class = class.to_unicode_class().ok_or("it is about bytes that are no characters")?;
            write_class(&class, out)?;
        }
        HirKind::Look(look) => out.push_str(write_look(*look, engine)?),
        HirKind::Repetition(repetition) => {
            // Which of several matches is found makes no difference to whether there is one: greed is forgotten.
            out.push_str("(?:");
            write(&repetition.sub, out, engine)?;
            out.push_str(&match (repetition.min, repetition.max) {
                (0, None) => ")*".to_owned(),
                (1, None) => ")+".to_owned(),
                (0, Some(1)) => ")?".to_owned(),
                (min, None) => format!("){{{min},}}"),
                (min, Some(max)) => format!("){{{min},{max}}}"),
            });
        }
        HirKind::Capture(capture) => write(&capture.sub, out, engine)?,
        HirKind::Concat(parts) => {
            for part in parts {
                write(part, out, engine)?;
            }
        }
        HirKind::Alternation(parts) => {
            for (n, part) in parts.iter().enumerate() {
                out.push_str(if n > 0 { "|" } else { "(?:" });
                write(part, out, engine)?;
            }
            out.push(')');
        }
    }
    Ok(())
}

fn write_class(class: &ClassUnicode, out: &mut String) -> Result<(), String> {
    // No text has a NUL, and PostgreSQL can't even be told of one.
    let ranges = class.ranges().iter().map(|range| (range.start().max('\u{1}'), range.end()));
    let mut ranges = ranges.filter(|(start, end)| start <= end).peekable();
    if ranges.peek().is_none() {
        return Err("it has a class without characters".into());
    }
    out.push('[');
    for (start, end) in ranges {
        push(out, start);
        if start != end {
            out.push('-');
            push(out, end);
        }
    }
    out.push(']');
    Ok(())
}

fn push(out: &mut String, c: char) {
    if regex_syntax::is_meta_character(c) {
        out.push('\\');
    }
    out.push(c);
}

fn write_look(look: Look, engine: Engine) -> Result<&'static str, String> {
    Ok(match (look, engine) {
        (Look::Start, _) => r"\A",
        (Look::End, Engine::Linear) => r"\z",
        (Look::End, Engine::Postgres) => r"\Z",
        (Look::StartLF, Engine::Linear) => "(?m:^)",
        (Look::StartLF, Engine::Postgres) => r"(?:\A|(?<=\n))",
        (Look::EndLF, Engine::Linear) => "(?m:$)",
        (Look::EndLF, Engine::Postgres) => r"(?:\Z|(?=\n))",
        (Look::WordUnicode | Look::WordAscii, Engine::Linear) => r"(?-u:\b)",
        (Look::WordUnicode | Look::WordAscii, Engine::Postgres) => r"\y",
        _ => return Err("it has a boundary that isn't supported".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_for_each_engine() {
        for (text, linear, postgres) in [
            ("^a.c$", "\\A", ""),
            (r"\bfoo\b", r"(?-u:\b)foo(?-u:\b)", r"\yfoo\y"),
            (r"(?i)ab", "[Aa][Bb]", "[Aa][Bb]"),
            (r"\d{2,3}?|x*", r"(?:(?:[0-9]){2,3}|(?:x)*)", r"(?:(?:[0-9]){2,3}|(?:x)*)"),
            (r"[\w-]\.", r"[\-0-9A-Z_a-z]\.", r"[\-0-9A-Z_a-z]\."),
            (r"(?m)^a$", r"(?m:^)a(?m:$)", r"(?:\A|(?<=\n))a(?:\Z|(?=\n))"),
            ("", "(?:)", "(?:)"),
        ] {
            let pattern = Pattern::parse(text).unwrap();
            assert!(pattern.linear().starts_with(linear), "{text}: {pattern:?}");
            assert!(pattern.postgres().starts_with(postgres), "{text}: {pattern:?}");
        }
    }

    /// SEC-063.
    #[test]
    fn refuses_what_is_no_linear_pattern() {
        for text in [
            r"(a)\1",
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            "(?<!a)",
            "(?>a)",
            "a++b(?R)",
            "(",
            ")",
            "[",
            "*a",
            "a{2,1}",
            r"\",
            r"\B",
            r"\<a",
            r"\b{start}a",
            "(?u)a",
            "(?-u)a",
            "(?R)$",
            "(?i-u:a)",
            "a{256}",
            "a{256,}",
            "(a{255}){255}",
            "((((a{10}){10}){10}){10})",
            r"\p{L}{200}",
            r"\x00",
            r"[\x00]",
            "[a&&b]",
            r"\p{Nope}",
            r"(?P<n>a)\k<n>",
            "(*UTF8)a",
            r"\Qa\E",
            r"\Ga",
            r"\X",
            r"\R",
        ] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
        assert!(Pattern::parse(&"(".repeat(2000)).is_err());
        assert!(Pattern::parse(&format!("{}a{}", "(".repeat(60), ")".repeat(60))).is_err());
        assert!(Pattern::parse(&"a?".repeat(1001)).is_err());
        assert!(Pattern::parse(&"[".repeat(4000)).is_err());
    }
}
