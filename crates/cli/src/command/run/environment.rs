//! `--env`: variables for the agent, sealed in the task.

use crate::fault::Fault;

/// The variables of `given`; a name alone takes the value that `own` has for it.
pub(super) fn read(given: &[String], own: impl Fn(&str) -> Option<String>) -> Result<Vec<(String, String)>, Fault> {
    given.iter().map(|text| variable(text, &own)).collect()
}

fn variable(text: &str, own: impl Fn(&str) -> Option<String>) -> Result<(String, String), Fault> {
    let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value.to_owned())));
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(fits) {
        return Err(Fault::Usage(format!("--env `{text}`: a name has letters, digits and `_`, like LANG or LANG=C")));
    }
    let missing = || Fault::Usage(format!("--env {name}: it is not set here; set it, or give {name}=VALUE"));
    Ok((name.to_owned(), value.or_else(|| own(name)).ok_or_else(missing)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_takes_the_own_value() {
        let own = |name: &str| (name == "TOKEN").then(|| "secret".to_owned());
        let read = |text: &str| read(&[text.to_owned()], own).map_err(|fault| fault.to_string());
        assert_eq!(read("TOKEN"), Ok(vec![("TOKEN".to_owned(), "secret".to_owned())]));
        assert_eq!(read("A="), Ok(vec![("A".to_owned(), String::new())]));
        assert!(read("OTHER").expect_err("unset").contains("not set here"));
        for bad in ["", "=x", "1A=x", "A B=x"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
