//! Programs that people want to hear of: what destroys, what is seen by others, what reaches out.

use super::Run;
use crate::guard::run::is_option;

/// Programs that destroy, take over, or outlive the run, whatever their arguments are.
const DESTROYS: [&str; 38] = [
    "dd",
    "fdisk",
    "parted",
    "shred",
    "wipefs",
    "truncate",
    "sudo",
    "su",
    "doas",
    "pkexec",
    "kill",
    "killall",
    "pkill",
    "shutdown",
    "reboot",
    "halt",
    "poweroff",
    "systemctl",
    "service",
    "launchctl",
    "mount",
    "umount",
    "iptables",
    "nft",
    "crontab",
    "at",
    "batch",
    "chroot",
    "unshare",
    "nsenter",
    "insmod",
    "modprobe",
    "useradd",
    "usermod",
    "passwd",
    "visudo",
    "chattr",
    "setfacl",
];
/// Programs that others see the effect of, whatever their arguments are.
const PUBLISHES: [&str; 30] = [
    "twine",
    "kubectl",
    "helm",
    "terraform",
    "tofu",
    "pulumi",
    "ansible",
    "ansible-playbook",
    "ssh",
    "scp",
    "sftp",
    "rsync",
    "rclone",
    "aws",
    "gcloud",
    "az",
    "flyctl",
    "fly",
    "vercel",
    "netlify",
    "wrangler",
    "heroku",
    "docker",
    "podman",
    "nerdctl",
    "skopeo",
    "mail",
    "sendmail",
    "git-push",
    "sshpass",
];
/// The same for commands of programs.
const PUBLISHING: [(&str, &str); 24] = [
    ("git", "push"),
    ("git", "send-email"),
    ("git", "send-pack"),
    ("cargo", "publish"),
    ("cargo", "yank"),
    ("cargo", "owner"),
    ("cargo", "login"),
    ("npm", "publish"),
    ("npm", "unpublish"),
    ("npm", "deprecate"),
    ("npm", "dist-tag"),
    ("npm", "login"),
    ("pnpm", "publish"),
    ("yarn", "publish"),
    ("yarn", "npm"),
    ("bun", "publish"),
    ("pip", "publish"),
    ("poetry", "publish"),
    ("uv", "publish"),
    ("hatch", "publish"),
    ("flit", "publish"),
    ("gem", "push"),
    ("mvn", "deploy"),
    ("dotnet", "nuget"),
];
/// Commands of `gh` and `glab` that only look.
const FORGE_LOOKS: [&str; 6] = ["view", "list", "status", "diff", "checks", "--help"];
/// Commands of `git` that change what it executes or forget what was done.
const GIT_RECKLESS: [&str; 7] = ["config", "filter-branch", "clean", "gc", "reflog", "update-ref", "submodule"];
/// Programs that exist to reach the network.
const NETWORK: [&str; 21] = [
    "curl",
    "wget",
    "aria2c",
    "nc",
    "ncat",
    "netcat",
    "socat",
    "telnet",
    "ftp",
    "tftp",
    "dig",
    "nslookup",
    "host",
    "ping",
    "traceroute",
    "http",
    "https",
    "xh",
    "openssl",
    "gh",
    "glab",
];

/// Why a program asks for the greatest care; none if it does not.
pub(super) fn reason(run: &Run) -> Option<&'static str> {
    let name = run.name().to_lowercase();
    let name = name.as_str();
    if DESTROYS.contains(&name) || name.starts_with("mkfs") || destroys(name, run) {
        return Some("destroys, or takes over the machine");
    }
    let is_publishing = |(program, command): &(&str, &str)| *program == name && may_be_command(run, command);
    if PUBLISHES.contains(&name) || PUBLISHING.iter().any(is_publishing) {
        return Some("publishes, or acts on other machines");
    }
    let looks = run.operands().take(2).any(|word| FORGE_LOOKS.contains(&word));
    if matches!(name, "gh" | "glab") && !looks {
        return Some("publishes, or acts on other machines");
    }
    let is_bent = run
        .args
        .iter()
        .take_while(|word| word.text.starts_with('-'))
        .any(|word| is_option(&word.text, "c", &["config-env", "exec-path"]));
    let is_reckless = is_bent || GIT_RECKLESS.iter().any(|command| may_be_command(run, command)) || is_hard_reset(run);
    (name == "git" && is_reckless).then_some("changes what git executes, or forgets what was done")
}

/// It exists to reach the network.
pub(super) fn is_network(run: &Run) -> bool {
    let name = run.name().to_lowercase();
    let is_remote_git =
        || ["fetch", "pull", "clone", "ls-remote", "remote"].iter().any(|command| may_be_command(run, command));
    NETWORK.contains(&name.as_str()) || (name == "git" && is_remote_git())
}

fn destroys(name: &str, run: &Run) -> bool {
    match name {
        "rm" => run.has_option("rRf", &["recursive", "force"]),
        "chmod" | "chown" | "chgrp" => run.has_option("R", &["recursive"]),
        "find" => run.args.iter().any(|word| word.text == "-delete"),
        _ => false,
    }
}

fn is_hard_reset(run: &Run) -> bool {
    may_be_command(run, "reset") && run.has_option("", &["hard"])
}

/// Leading options and their values aside, its command is `wanted`.
fn may_be_command(run: &Run, wanted: &str) -> bool {
    let is_option = |text: &str| text.starts_with(['-', '+']);
    let mut before = "";
    for word in &run.args {
        if word.text == wanted {
            return true;
        }
        if !is_option(&word.text) && !is_option(before) {
            return false;
        }
        before = &word.text;
    }
    false
}
