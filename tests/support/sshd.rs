//! A private ssh server on the loopback interface for one test, with keys of its own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The server; it ends with the test.
pub struct Sshd {
    child: Child,
    dir: PathBuf,
    port: u16,
}

impl Sshd {
    /// Starts one that keeps its files in `dir`.
    pub fn start(dir: &Path) -> Self {
        fs::create_dir_all(dir).unwrap();
        for key in ["host", "user"] {
            let made =
                Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(dir.join(key)).status();
            assert!(made.unwrap().success());
        }
        fs::copy(dir.join("user.pub"), dir.join("authorized")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let shown = dir.display();
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {shown}/host\nAuthorizedKeysFile {shown}/authorized\nPidFile none\n\
             StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication yes\n"
        );
        fs::write(dir.join("config"), config).unwrap();
        // sshd wants this directory for its unprivileged half
        let _ = fs::create_dir("/run/sshd");
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f"]).arg(dir.join("config"));
        let log = fs::File::create(dir.join("log")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let sshd = Self { child, dir: dir.to_owned(), port };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "{}", fs::read_to_string(dir.join("log")).unwrap());
            thread::sleep(Duration::from_millis(20));
        }
        sshd
    }

    /// The ssh command that logs in with the key; no quotes in it.
    pub fn with_key(&self) -> String {
        fs::set_permissions(self.dir.join("user"), fs::Permissions::from_mode(0o600)).unwrap();
        format!("{} -i {} -o BatchMode=yes", self.ssh("-o IdentitiesOnly=yes"), self.dir.join("user").display())
    }

    /// The ssh command that could only log in with a password, and is not told to be quiet about it.
    pub fn with_password(&self) -> String {
        self.ssh("-o PubkeyAuthentication=no -o PreferredAuthentications=password,keyboard-interactive")
    }

    fn ssh(&self, more: &str) -> String {
        let known = self.dir.join("known");
        format!(
            "ssh -F /dev/null -p {} -o UserKnownHostsFile={} -o StrictHostKeyChecking=no -o LogLevel=ERROR {more}",
            self.port,
            known.display()
        )
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
