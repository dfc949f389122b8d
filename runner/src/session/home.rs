//! The agent's HOME: its own, furnished out of the owner's.
//!
//! ```text
//! owner's file ◀── link ── run's file      sign-in: what the agent renews in place is renewed for everybody
//!      ▲                       │ replaced by a fresh file (tokens are renewed by rename)
//!      └── brought home, if newer ─┘  then linked again
//! owner's file ─── copy ──▶ run's file     settings: what the agent changes stays in the run
//! ```
//!
//! Nothing of the repository comes here, and nothing here is reached through a link that an agent may have made (folder.rs).

use super::folder::{Folder, Kind};
use super::{Runs, note};
use ostler_agents::{Shared, Sharing};
use ostler_core::ids::RunId;
use rustix::fs::Mode;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Files of tokens are a few KiB; whatever is larger is none.
const SIGN_IN_BYTES_MAX: u64 = 4 << 20;
/// Settings that are copied for each run: a larger file, or a deeper folder, is no settings.
const COPY_BYTES_MAX: u64 = 16 << 20;
const COPY_DEPTH_MAX: u32 = 6;
/// Where the XDG base directories are in every home, so that programs which expect them find them.
const BASES: [&str; 4] = [".config", ".local/share", ".local/state", ".cache"];

/// What a home is furnished with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Furniture<'a> {
    /// The owner's own home; none shares nothing.
    pub(crate) owner: Option<&'a Path>,
    /// What the agent needs of it.
    pub(crate) shared: &'a [Shared],
    /// What the owner lets every agent have: files are copied, directories linked.
    pub(crate) share: &'a [String],
}

/// Why a home could not be made ready.
#[derive(Debug, thiserror::Error)]
#[error("{path} in the run's home cannot be made ready: {source}")]
pub(crate) struct HomeError {
    path: String,
    source: io::Error,
}

impl Runs {
    /// Makes the run's home ready and says where it is. What an earlier attempt left is brought home first.
    pub(crate) fn furnish(&self, run: RunId, furniture: &Furniture<'_>) -> Result<PathBuf, HomeError> {
        self.settle(run, furniture.owner);
        let path = self.home(run);
        let failed = |name: &str| {
            let path = name.to_owned();
            move |source| HomeError { path, source }
        };
        let home = Folder::open(&path).map_err(failed("home"))?;
        for base in BASES {
            let made = home.parent(Path::new(base), true).and_then(|(at, name)| at.folder(name, true));
            made.map_err(failed(base))?;
        }
        let mut linked = Vec::new();
        if let Some(owner) = furniture.owner {
            let own = furniture.share.iter().map(|path| (path.as_str(), None));
            let all = furniture.shared.iter().map(|shared| (shared.path, Some(shared.how))).chain(own);
            for (name, how) in all {
                if take(&home, owner, name, how).map_err(failed(name))? {
                    linked.push(name.to_owned());
                }
            }
        }
        self.change(run, |note| note.linked = linked);
        Ok(path)
    }

    /// Writes the files an agent is started with, readable by this user alone.
    pub(crate) fn place(&self, run: RunId, files: &[(String, Vec<u8>)]) -> Result<(), HomeError> {
        let linked = self.recall(run).linked;
        for (name, bytes) in files {
            let failed = |source| HomeError { path: name.escape_default().to_string(), source };
            if linked.contains(name) {
                let words = "it is shared with the owner, and an agent's start must not change it";
                return Err(failed(io::Error::new(io::ErrorKind::PermissionDenied, words)));
            }
            let home = Folder::open(&self.home(run)).map_err(failed)?;
            let (at, last) = home.parent(Path::new(name), true).map_err(failed)?;
            at.write(last, bytes, Mode::RUSR | Mode::WUSR, None).map_err(failed)?;
        }
        Ok(())
    }

    /// Brings home what an agent renewed: a file that stands where a link stood, and is newer than what the link pointed at.
    pub(crate) fn settle(&self, run: RunId, owner: Option<&Path>) {
        let Some(owner) = owner else { return };
        let _alone = self.alone();
        let note = note::read(&self.dir(run)).unwrap_or_default();
        for name in &note.linked {
            match renewed(&self.home(run), owner, name) {
                Ok(true) => tracing::info!(%run, name, "what an agent renewed was brought to the owner's home"),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%run, name, %error, "what an agent renewed was not brought to the owner's home")
                }
            }
        }
    }
}

/// Takes `name` from the owner's home, if it is there. True when it is a link now.
fn take(home: &Folder, owner: &Path, name: &str, how: Option<Sharing>) -> io::Result<bool> {
    let Ok(source) = owner.join(name).canonicalize() else { return Ok(false) };
    let folder = source.is_dir();
    let how = how.unwrap_or(if folder { Sharing::Link } else { Sharing::Copy });
    let (at, last) = home.parent(Path::new(name), true)?;
    match (how, at.kind(last)?) {
        (Sharing::Link, Kind::Link(target)) if target == source => Ok(true),
        // Made by the run before there was anything to share: its own.
        (Sharing::Link, Kind::File(_) | Kind::Folder) => Ok(false),
        (Sharing::Link, Kind::Absent | Kind::Link(_) | Kind::Other) => {
            at.remove(last)?;
            at.link(last, &source)?;
            Ok(true)
        }
        (Sharing::Copy, Kind::File(_) | Kind::Folder) => Ok(false),
        (Sharing::Copy, Kind::Absent | Kind::Link(_) | Kind::Other) => {
            at.remove(last)?;
            copy(&source, &at, last, COPY_DEPTH_MAX)?;
            Ok(false)
        }
    }
}

/// Copies files and folders; links and whatever else stands in a folder are left out.
fn copy(source: &Path, at: &Folder, name: &std::ffi::OsStr, depth: u32) -> io::Result<()> {
    let meta = std::fs::metadata(source)?;
    if meta.is_file() && meta.len() <= COPY_BYTES_MAX {
        let run = if meta.permissions().mode() & 0o100 == 0 { Mode::empty() } else { Mode::XUSR };
        return at.write(name, &std::fs::read(source)?, Mode::RUSR | Mode::WUSR | run, None);
    }
    if !meta.is_dir() || depth == 0 {
        tracing::debug!(path = %source.display(), "not copied into a run's home");
        return Ok(());
    }
    let folder = at.folder(name, true)?;
    for entry in std::fs::read_dir(source)? {
        let entry = entry?;
        if !entry.file_type()?.is_symlink() {
            copy(&entry.path(), &folder, &entry.file_name(), depth - 1)?;
        }
    }
    Ok(())
}

/// Brings one file home, and links it again. True when the owner's file was replaced.
fn renewed(home: &Path, owner: &Path, name: &str) -> io::Result<bool> {
    let Ok(target) = owner.join(name).canonicalize() else { return Ok(false) };
    let (at, last) = Folder::open(home)?.parent(Path::new(name), false)?;
    if !matches!(at.kind(last)?, Kind::File(_)) {
        return Ok(false);
    }
    let (bytes, changed) = at.read(last, SIGN_IN_BYTES_MAX)?;
    let (Some(folder), Some(theirs)) = (target.parent(), target.file_name()) else { return Ok(false) };
    let folder = Folder::open(folder)?;
    let (before, changed_before) = folder.read(theirs, SIGN_IN_BYTES_MAX)?;
    let newer = changed > changed_before && bytes != before && !bytes.is_empty();
    if newer {
        // With its own time: of two runs that renewed it, the later stays.
        folder.write(theirs, &bytes, Mode::RUSR | Mode::WUSR, Some(changed))?;
    }
    at.remove(last)?;
    at.link(last, &target)?;
    Ok(newer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    const RUN: RunId = RunId([1; 16]);
    const OTHER: RunId = RunId([2; 16]);
    const SHARED: [Shared; 3] = [
        Shared { path: ".agent/auth.json", how: Sharing::Link },
        Shared { path: ".agent/settings", how: Sharing::Copy },
        Shared { path: ".agent/absent", how: Sharing::Link },
    ];

    struct Scene {
        dir: tempfile::TempDir,
        runs: Runs,
    }

    impl Scene {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("a directory");
            let runs = Runs::new(&dir.path().join("runner"));
            fs::create_dir(dir.path().join("runner")).expect("makes");
            fs::create_dir_all(dir.path().join("owner/.agent/settings/deep")).expect("makes");
            fs::create_dir_all(dir.path().join("owner/tools")).expect("makes");
            let scene = Self { dir, runs };
            for (name, text) in [
                (".agent/auth.json", "old"),
                (".agent/settings/deep/one", "1"),
                (".gitconfig", "[user]"),
                ("tools/t", ""),
            ] {
                fs::write(scene.owner().join(name), text).expect("writes");
            }
            symlink("/etc", scene.owner().join(".agent/settings/away")).expect("links");
            scene
        }

        fn owner(&self) -> PathBuf {
            self.dir.path().join("owner")
        }

        fn furnish(&self, run: RunId) -> Result<PathBuf, HomeError> {
            self.runs.open(run, None).expect("opens");
            let share = [".gitconfig".to_owned(), "tools".to_owned(), "nothing".to_owned()];
            self.runs.furnish(run, &Furniture { owner: Some(&self.owner()), shared: &SHARED, share: &share })
        }

        fn auth(&self) -> String {
            fs::read_to_string(self.owner().join(".agent/auth.json")).expect("there")
        }
    }

    /// Replaces a file as programs that renew tokens do, changed so many seconds after the epoch.
    fn renew(path: &Path, text: &str, seconds: u64) {
        let draft = path.with_extension("draft");
        fs::write(&draft, text).expect("writes");
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        fs::File::options().write(true).open(&draft).expect("opens").set_modified(at).expect("sets");
        fs::rename(&draft, path).expect("renames");
    }

    #[test]
    fn a_home_takes_sign_in_by_link_settings_by_copy_and_nothing_else() {
        let scene = Scene::new();
        let home = scene.furnish(RUN).expect("makes");
        let link = |name: &str| fs::read_link(home.join(name)).ok();
        assert_eq!(
            link(".agent/auth.json"),
            Some(scene.owner().join(".agent/auth.json").canonicalize().expect("there"))
        );
        assert_eq!(link("tools"), Some(scene.owner().join("tools").canonicalize().expect("there")));
        for copied in [".agent/settings/deep/one", ".gitconfig"] {
            assert!(link(copied).is_none() && home.join(copied).is_file(), "{copied}");
        }
        for absent in [".agent/absent", "nothing", ".agent/settings/away"] {
            assert!(fs::symlink_metadata(home.join(absent)).is_err(), "{absent}");
        }
        fs::write(home.join(".gitconfig"), "mine").expect("writes");
        let other = scene.furnish(OTHER).expect("makes");
        assert_eq!(fs::read_to_string(other.join(".gitconfig")).expect("there"), "[user]", "runs share no copy");
        scene.furnish(RUN).expect("again");
        assert_eq!(fs::read_to_string(home.join(".gitconfig")).expect("there"), "mine", "a copy is made once");
    }

    #[test]
    fn what_an_agent_renewed_by_rename_is_brought_home_and_linked_again() {
        let scene = Scene::new();
        let (one, two) = (scene.furnish(RUN).expect("makes"), scene.furnish(OTHER).expect("makes"));
        let now = 4_000_000_000;
        renew(&one.join(".agent/auth.json"), "newer", now + 20);
        renew(&two.join(".agent/auth.json"), "older", now + 10);
        scene.runs.settle(RUN, Some(&scene.owner()));
        assert_eq!(scene.auth(), "newer");
        assert!(fs::read_link(one.join(".agent/auth.json")).is_ok());
        scene.runs.settle(OTHER, Some(&scene.owner()));
        assert_eq!(scene.auth(), "newer", "the later renewal stays");
        assert!(fs::read_link(two.join(".agent/auth.json")).is_ok());
        fs::write(two.join(".agent/auth.json"), "through the link").expect("writes");
        assert_eq!(scene.auth(), "through the link");
        let mode = fs::metadata(scene.owner().join(".agent/auth.json")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_sign_out_of_the_owner_is_not_undone_and_a_runs_own_file_stays_its_own() {
        let scene = Scene::new();
        let home = scene.furnish(RUN).expect("makes");
        renew(&home.join(".agent/auth.json"), "newer", 4_000_000_000);
        fs::remove_file(scene.owner().join(".agent/auth.json")).expect("there");
        scene.runs.settle(RUN, Some(&scene.owner()));
        assert!(!scene.owner().join(".agent/auth.json").exists());
        fs::write(home.join(".agent/absent"), "the run's").expect("writes");
        fs::write(scene.owner().join(".agent/absent"), "the owner's").expect("writes");
        scene.furnish(RUN).expect("again");
        assert_eq!(fs::read_to_string(home.join(".agent/absent")).expect("there"), "the run's");
        assert_eq!(fs::read_to_string(scene.owner().join(".agent/absent")).expect("there"), "the owner's");
    }

    #[test]
    fn a_start_writes_below_the_home_and_nowhere_else() {
        let scene = Scene::new();
        let home = scene.furnish(RUN).expect("makes");
        let place = |name: &str| scene.runs.place(RUN, &[(name.to_owned(), b"x".to_vec())]);
        place("new/deep/file").expect("writes");
        place("new/deep/file").expect("writes again");
        let mode = |name: &str| fs::metadata(home.join(name)).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode("new/deep/file"), mode("new/deep")), (0o600, 0o700));
        symlink(scene.owner(), home.join("way-out")).expect("links");
        for bad in ["../out", "/abs", "a/../../b", "way-out/file", "", ".agent/auth.json"] {
            assert!(place(bad).is_err(), "{bad}");
        }
        assert_eq!(scene.auth(), "old");
        symlink(scene.owner().join(".gitconfig"), home.join("new/link")).expect("links");
        place("new/link").expect("replaces the link itself");
        assert_eq!(fs::read_to_string(scene.owner().join(".gitconfig")).expect("there"), "[user]");
        fs::remove_dir_all(home.join(".agent")).expect("there");
        symlink(scene.owner(), home.join(".agent")).expect("links");
        assert!(scene.furnish(RUN).is_err(), "a home whose folders lead elsewhere is not used");
    }
}
