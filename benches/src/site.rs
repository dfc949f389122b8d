//! A site: the founder's home and the data directory of a relay that runs in a process of its own.
//!
//! ```text
//! found ─▶ start ─▶ Daemon ─ serving (/readyz) ─▶ stopped | killed ─▶ start …
//! ```
//!
//! Owns files and ports. Must not know what is asked of the relay. Everything is on 127.0.0.1.

use crate::daemon::Daemon;
use crate::{Error, Options, clock};
use ostler_client::{Client, Home};
use ostler_identity::{RelayAddress, RelayKey};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A relay that does not serve by then never will.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// How often a starting relay is asked whether it serves.
const ASK_EVERY: Duration = Duration::from_millis(1);
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Settled runs are forgotten after this, where a relay lives for so long that they would pile up.
const SETTLED_KEPT: &str = "1m";

/// Where a relay's files are, and how it is reached.
pub(crate) struct Site {
    directory: TempDir,
    program: PathBuf,
    words: &'static [&'static str],
    listen: SocketAddr,
    http: SocketAddr,
    fleet: String,
}

impl Site {
    /// A new fleet, without a relay yet.
    pub(crate) fn found(options: &Options) -> Result<Self, Error> {
        Self::with(options, &options.relay, &[], "")
    }

    /// The same, for a relay that is `ostler relay serve` and lives for hours.
    pub(crate) fn of_ostler(options: &Options) -> Result<Self, Error> {
        let more = format!("[retention]\nsettled = '{SETTLED_KEPT}'\n");
        Self::with(options, &options.ostler, &["relay", "serve"], &more)
    }

    fn with(options: &Options, program: &Path, words: &'static [&'static str], more: &str) -> Result<Self, Error> {
        let directory = tempfile::tempdir_in(&options.dir)?;
        let home = Home::found(directory.path(), "founder")?;
        // Free now; somebody who takes them before the relay does makes its start fail with their names.
        let listen = UdpSocket::bind(LOOPBACK)?.local_addr()?;
        let http = TcpListener::bind(LOOPBACK)?.local_addr()?;
        let fleet = home.fleet().to_string();
        let site = Self { directory, program: program.to_owned(), words, listen, http, fleet };
        std::fs::write(site.path("relay.toml"), site.configuration() + more)?;
        Ok(site)
    }

    /// A file or directory of the site.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The relay's data directory.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path("relay")
    }

    /// The site's own directory, on the disk that is measured.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn configuration(&self) -> String {
        let Self { listen, http, fleet, .. } = self;
        let data_dir = self.data_dir();
        let data_dir = data_dir.display();
        format!(
            "listen = '{listen}'\nhttp = '{http}'\nfleet = '{fleet}'\ndata_dir = '{data_dir}'\n[log]\nfilter = 'warn'\n"
        )
    }

    /// Starts the relay, and returns when it serves: how long that took, from before there was a process.
    pub(crate) fn start(&self) -> Result<(Daemon, Duration), Error> {
        let log = File::options().create(true).append(true).open(self.path("relay.log"))?;
        let mut command = Command::new(&self.program);
        command.args(self.words).arg("--config").arg(self.path("relay.toml"));
        command.env("OSTLER_HOME", self.path("relay.home")).stdout(Stdio::null()).stderr(log);
        let started = clock::now();
        let mut relay = Daemon::spawn(&mut command)?;
        while !self.is_ready() {
            if let Some(status) = relay.ended()? {
                let said = std::fs::read_to_string(self.path("relay.log")).unwrap_or_default();
                return Err(format!("the relay ended with {status}: {said}").into());
            }
            if started.elapsed() > READY_WITHIN {
                return Err("the relay does not become ready".into());
            }
            std::thread::sleep(ASK_EVERY);
        }
        Ok((relay, started.elapsed()))
    }

    fn is_ready(&self) -> bool {
        let asked = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(self.http)?;
            stream.set_read_timeout(Some(READY_WITHIN))?;
            stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        asked().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    /// The founder's home, which knows the relay: it must have been started once.
    fn home(&self) -> Result<Home, Error> {
        let relay = RelayKey::load(&self.data_dir().join("relay.key"))?.id();
        let mut home = Home::open(self.directory.path())?;
        home.use_relays(vec![RelayAddress::new(&self.listen.to_string(), relay)?])?;
        Ok(home)
    }

    /// The founder's client; each has a connection of its own.
    pub(crate) async fn connect(&self) -> Result<Client, Error> {
        Ok(Client::connect(self.home()?).await?)
    }
}
