//! Changes as people read them: lines with `-` and `+`.

/// A file that is new.
pub(crate) fn added(text: &str) -> String {
    marked('+', text)
}

/// A text that goes.
pub(crate) fn removed(text: &str) -> String {
    marked('-', text)
}

/// One text in the place of another.
pub(crate) fn replaced(old: &str, new: &str) -> String {
    removed(old) + &added(new)
}

fn marked(mark: char, text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive('\n') {
        out.push(mark);
        out.push_str(line);
    }
    if !text.is_empty() && !text.ends_with('\n') {
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_says_whether_it_comes_or_goes() {
        assert_eq!(replaced("a\nb", "c\n"), "-a\n-b\n+c\n");
        assert_eq!(added(""), "");
    }
}
