//! What stands for something else: expansions, substitutions, bodies of heredocs.
//!
//! All of it is unclear. It is looked into only to find what must be denied.

use super::lexer::{Lexer, read};
use super::word::Known;

/// Lines that follow a `<<`.
#[derive(Debug)]
pub(super) struct Body {
    /// The line that ends them.
    pub(super) end: String,
    /// Expansions in them are made.
    pub(super) expands: bool,
}

/// After a `$` or a backtick.
pub(super) fn expand(lexer: &mut Lexer, c: char, in_quotes: bool) {
    let known = if in_quotes { Known::One } else { Known::Nothing };
    let next = lexer.peek();
    if c == '`' {
        lexer.line.doubt("a substitution");
        backticks(lexer);
    } else if next == Some('(') {
        lexer.at += 1;
        lexer.line.doubt("a substitution");
        parenthesis(lexer);
    } else if next == Some('{') {
        lexer.at += 1;
        lexer.line.doubt("an expansion");
        within(lexer, '{', '}');
    } else if next.is_some_and(|c| c.is_alphanumeric() || "_@*#?!-$".contains(c)) {
        lexer.line.doubt("an expansion");
        while lexer.peek().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            lexer.at += 1;
        }
        lexer.at += usize::from(next.is_some_and(|c| "@*#?!-$".contains(c)));
    } else if !in_quotes && matches!(next, Some('\'' | '"')) {
        lexer.line.doubt("an expansion");
    } else {
        return lexer.word().text.push('$');
    }
    let word = lexer.word();
    word.is_bare = false;
    word.forget(known);
}

/// After an opening parenthesis: what is in it is another line.
pub(super) fn parenthesis(lexer: &mut Lexer) {
    within(lexer, '(', ')');
}

fn within(lexer: &mut Lexer, open: char, close: char) {
    let start = lexer.at;
    let (mut depth, mut quote) = (1_usize, None);
    while let Some(c) = lexer.next() {
        match (quote, c) {
            (None | Some('"'), '\\') => lexer.at += usize::from(lexer.peek().is_some()),
            (Some(open), c) if open == c => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, c) if c == open => depth += 1,
            (None, c) if c == close => depth -= 1,
            (Some(_) | None, _) => {}
        }
        if depth == 0 {
            return look_into(lexer, start, lexer.at - 1);
        }
    }
    lexer.line.doubt("it ends in the middle");
    // Quotes may have been counted wrongly: what was swallowed is looked into all the same.
    look_into(lexer, start, lexer.at);
}

fn backticks(lexer: &mut Lexer) {
    let mut text = String::new();
    loop {
        match lexer.next() {
            Some('`') | None => break,
            Some('\\') => text.extend(lexer.next()),
            Some(c) => text.push(c),
        }
    }
    let inner = read(&text, lexer.depth + 1);
    lexer.line.absorb(inner);
}

fn look_into(lexer: &mut Lexer, start: usize, end: usize) {
    debug_assert!(start <= end && end <= lexer.chars.len(), "what is nested is in the line");
    let text: String = lexer.chars[start..end].iter().collect();
    let inner = read(&text, lexer.depth + 1);
    lexer.line.absorb(inner);
}

/// The lines up to the end of a heredoc; where they are expanded, they are looked into.
pub(super) fn body(lexer: &mut Lexer, body: &Body) -> String {
    let start = lexer.at;
    debug_assert!(start <= lexer.chars.len(), "a body begins in the text");
    let mut end = lexer.at;
    while end < lexer.chars.len() {
        let line: String = lexer.chars[end..].iter().take_while(|c| **c != '\n').collect();
        let next = (end + line.chars().count() + 1).min(lexer.chars.len());
        if line.trim_start_matches('\t') == body.end {
            let text = lexer.chars[start..end].iter().collect();
            if body.expands {
                substitutions(lexer, end);
            }
            lexer.at = next;
            return text;
        }
        end = next;
    }
    lexer.line.doubt("a heredoc without an end");
    if body.expands {
        substitutions(lexer, lexer.chars.len());
    }
    lexer.at = lexer.chars.len();
    lexer.chars[start..].iter().collect()
}

fn substitutions(lexer: &mut Lexer, end: usize) {
    while lexer.at < end {
        match lexer.next() {
            Some('\\') => lexer.at += usize::from(lexer.peek().is_some()),
            Some(c @ ('$' | '`')) => expand(lexer, c, true),
            Some(_) | None => {}
        }
    }
    lexer.word = None;
}
