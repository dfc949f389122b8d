//! Logs: text or JSON lines on standard error. The only room that knows tracing-subscriber.
//! Must not know what is logged; strings from outside may carry control characters, which never reach a terminal.

use std::fmt::{self, Write};
use std::io::IsTerminal;

use serde::{Deserialize, Serialize};
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

/// Overrides the configured filter for one process.
const FILTER_VARIABLE: &str = "OSTLER_LOG";
/// Overrides the configured format for one process.
const FORMAT_VARIABLE: &str = "OSTLER_LOG_FORMAT";
/// The convention of no-color.org: set and not empty means no colour.
const NO_COLOR: &str = "NO_COLOR";

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people: one line per event, coloured on a terminal only.
    #[default]
    Text,
    /// For machines: one JSON object per line.
    Json,
}

/// The `[log]` table of a daemon's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSettings {
    /// What is logged, in tracing's filter language: `info`, `info,ostler_relay=debug`.
    pub filter: String,
    /// How it looks.
    pub format: LogFormat,
}

/// Why logging could not start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not one.
    #[error("{from} holds {filter:?}, which is not a log filter ({reason}): write for example info,ostler_relay=debug")]
    Filter {
        /// Where it stands: a variable or the configuration's key.
        from: &'static str,
        /// What stands there.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The format is not one.
    #[error("OSTLER_LOG_FORMAT holds {0:?}: use text or json")]
    Format(String),
    /// Somebody was first.
    #[error("logging was already started in this process")]
    Twice,
}

impl LogSettings {
    /// Starts logging for the whole process. `OSTLER_LOG` and `OSTLER_LOG_FORMAT` override the settings.
    ///
    /// # Errors
    /// [`LogError`], naming where the wrong word stands.
    pub fn init(&self) -> Result<(), LogError> {
        let filter = self.filter(env_word(FILTER_VARIABLE))?;
        let started = match self.format(env_word(FORMAT_VARIABLE))? {
            LogFormat::Text => tracing_subscriber::fmt()
                .with_env_filter(filter)
                .with_writer(std::io::stderr)
                .with_ansi(colours())
                .fmt_fields(debug_fn(field).delimited(" "))
                .try_init(),
            // JSON escapes control characters by itself.
            LogFormat::Json => {
                tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).json().try_init()
            }
        };
        started.map_err(|_| LogError::Twice)
    }

    fn filter(&self, word: Option<String>) -> Result<EnvFilter, LogError> {
        let (from, filter) = match word {
            Some(word) => (FILTER_VARIABLE, word),
            None => ("log.filter", self.filter.clone()),
        };
        EnvFilter::try_new(&filter).map_err(|wrong| LogError::Filter { from, filter, reason: wrong.to_string() })
    }

    fn format(&self, word: Option<String>) -> Result<LogFormat, LogError> {
        match word.as_deref() {
            None => Ok(self.format),
            Some("text") => Ok(LogFormat::Text),
            Some("json") => Ok(LogFormat::Json),
            Some(other) => Err(LogError::Format(other.to_owned())),
        }
    }
}

fn env_word(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|word| !word.is_empty())
}

fn colours() -> bool {
    std::io::stderr().is_terminal() && env_word(NO_COLOR).is_none()
}

fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    if field.name() != "message" {
        write!(writer, "{}=", field.name())?;
    }
    write!(Plain(writer), "{value:?}")
}

/// Writes text with its control characters spelled out, so that no log line holds two lines or moves a cursor.
struct Plain<W>(W);

impl<W: Write> Write for Plain<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if c.is_control() { write!(self.0, "{}", c.escape_default())? } else { self.0.write_char(c)? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("one thread").write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(log: impl FnOnce()) -> String {
        let page = Page::default();
        let copy = page.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || copy.clone())
            .with_ansi(false)
            .fmt_fields(debug_fn(field).delimited(" "))
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = page.0.lock().expect("one thread").clone();
        String::from_utf8(bytes).expect("logs are UTF-8")
    }

    #[test]
    fn a_hostile_field_stays_on_its_line_and_moves_no_cursor() {
        let line = written(|| tracing::info!(name = %"a\nINFO forged\u{1b}[2J", "hello\r\u{9b}there"));
        assert_eq!(line.matches('\n').count(), 1, "{line:?}");
        assert!(line.ends_with("hello\\r\\u{9b}there name=a\\nINFO forged\\u{1b}[2J\n"), "{line:?}");
    }

    #[test]
    fn a_variable_overrides_the_file_and_is_named_when_wrong() {
        let settings = LogSettings { filter: "info".to_owned(), format: LogFormat::Text };
        assert_eq!(
            settings.filter(Some("ostler_relay=debug".to_owned())).expect("valid").to_string(),
            "ostler_relay=debug"
        );
        let wrong = settings.filter(Some("a=b=c".to_owned())).expect_err("not a filter");
        assert!(wrong.to_string().starts_with("OSTLER_LOG holds"), "{wrong}");
        assert_eq!(settings.format(Some("json".to_owned())).expect("valid"), LogFormat::Json);
        assert!(settings.format(Some("yaml".to_owned())).is_err());
    }
}
