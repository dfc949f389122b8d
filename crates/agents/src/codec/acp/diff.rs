//! Two texts as a diff that a person can read: one hunk around all that differs.
//!
//! Owns the comparison by lines. Must not know where the texts come from.

/// Lines shown around a change.
const CONTEXT_LINES: usize = 3;

/// What becomes of `old` when it is replaced by `new`: `@@` with line numbers, then lines with ` `, `-` or `+`.
///
/// Lines that both have at their beginning and end are left out but for a few; what is between is told as removed and
/// added, though some of it may be the same. Bounded by nothing: the caller cuts.
pub(super) fn hunk(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    let from = head.saturating_sub(CONTEXT_LINES);
    let after = tail.min(CONTEXT_LINES);
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let count = |end: usize| end + after - from;
    // A hunk of no lines stands after the line it names (POSIX diff -u).
    let start = |count: usize| if count == 0 { from } else { from + 1 };
    let (gone, come) = (count(old_end), count(new_end));
    let mut text = format!("@@ -{},{gone} +{},{come} @@\n", start(gone), start(come));
    let mut lines = |mark: char, lines: &[&str]| {
        for line in lines {
            text.push(mark);
            text.push_str(line);
            text.push('\n');
        }
    };
    lines(' ', &old[from..head]);
    lines('-', &old[head..old_end]);
    lines('+', &new[head..new_end]);
    lines(' ', &new[new_end..new_end + after]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told_with_its_surroundings() {
        assert_eq!(hunk("", "one\ntwo\n"), "@@ -0,0 +1,2 @@\n+one\n+two\n");
        assert_eq!(hunk("one\n", ""), "@@ -1,1 +0,0 @@\n-one\n");
        let old = "a\nb\nc\nd\ne\nf\ng\nh\ni\n";
        assert_eq!(hunk(old, &old.replace('e', "E")), "@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n");
        assert_eq!(hunk("a\na\n", "a\na\na\n"), "@@ -1,2 +1,3 @@\n a\n a\n+a\n");
        assert_eq!(hunk("a\n", "a\n"), "@@ -1,1 +1,1 @@\n a\n");
    }
}
