//! A RabbitMQ broker of the tests' own, which they may kill.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The broker takes seconds to start; on a busy machine many.
const START_TIMEOUT: Duration = Duration::from_secs(90);

/// A private broker on a free port, with all that it keeps in one folder. It ends when it is dropped.
pub struct Broker {
    folder: PathBuf,
    scripts: PathBuf,
    port: u16,
    distribution: u16,
    mapper: u16,
    child: Option<Child>,
}

impl Broker {
    /// Starts one, with everything that it keeps in `folder`. None if this machine has no RabbitMQ.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(folder: &Path) -> Option<Self> {
        let scripts = scripts()?;
        fs::create_dir_all(folder).expect("a folder");
        let folder = folder.canonicalize().expect("a folder");
        let mut broker =
            Self { folder, scripts, port: free_port(), distribution: free_port(), mapper: free_port(), child: None };
        let configuration = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\nloopback_users.guest = true\nlog.file.level = warning\n\
             disk_free_limit.absolute = 50MB\n",
            broker.port
        );
        fs::write(broker.folder.join("rabbitmq.conf"), configuration).expect("writes");
        fs::write(broker.folder.join("enabled_plugins"), "[].\n").expect("writes");
        broker.restart();
        Some(broker)
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// Ends it as a power cut would. What it confirmed it still has when it is started again.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // The scripts between it and us are of its process group.
            let group = format!("-{}", child.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
            let _ = child.wait();
        }
        // The scripts are gone before the broker itself is.
        while TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts it, after it was killed, and waits until it takes connections.
    ///
    /// # Panics
    /// When it does not.
    pub fn restart(&mut self) {
        let log = fs::File::create(self.folder.join("output.log")).expect("a log");
        let mut command = self.command("rabbitmq-server");
        command.stdin(Stdio::null()).stderr(log.try_clone().expect("a log")).stdout(log).process_group(0);
        self.child = Some(command.spawn().expect("the broker runs"));
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begun.elapsed() < START_TIMEOUT, "the broker does not start: {}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs `rabbitmqctl` and answers what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn control(&self, arguments: &[&str]) -> String {
        let output = self.command("rabbitmqctl").args(arguments).output().expect("rabbitmqctl runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Publishes bytes as anybody could.
    ///
    /// # Panics
    /// When the broker does not take them.
    pub fn publish(&self, exchange: &str, key: &str, payload: &[u8]) {
        self.with_channel(async |channel| {
            let options = lapin::options::BasicPublishOptions::default();
            let properties = lapin::BasicProperties::default();
            channel.basic_publish(exchange.into(), key.into(), options, payload, properties).await?.await?;
            Ok(())
        });
    }

    /// Takes the next message out of a queue: its payload, and what its header `x-kgl-reason` says.
    ///
    /// # Panics
    /// When the broker does not answer.
    #[must_use]
    pub fn take(&self, queue: &str) -> Option<(Vec<u8>, String)> {
        self.with_channel(async |channel| {
            let options = lapin::options::BasicGetOptions { no_ack: true };
            let message = channel.basic_get(queue.into(), options).await?;
            Ok(message.map(|m| {
                let headers = m.delivery.properties.headers().as_ref();
                let reason = headers.and_then(|headers| match headers.inner().get("x-kgl-reason") {
                    Some(lapin::types::AMQPValue::LongString(text)) => Some(text.to_string()),
                    _ => None,
                });
                (m.delivery.data.clone(), reason.unwrap_or_default())
            }))
        })
    }

    fn with_channel<T>(&self, work: impl AsyncFnOnce(&lapin::Channel) -> lapin::Result<T>) -> T {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let url = self.url();
            let connection = lapin::Connection::connect(&url, lapin::ConnectionProperties::default());
            let connection = connection.await.expect("connects");
            let channel = connection.create_channel().await.expect("a channel");
            let done = work(&channel).await.expect("the broker does it");
            connection.close(200, "done".into()).await.expect("closes");
            done
        })
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("output.log")).unwrap_or_default()
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new(self.scripts.join(script));
        let at = |name: &str| self.folder.join(name);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RABBITMQ_")) {
            command.env_remove(name);
        }
        command
            .env("HOME", &self.folder)
            .env("RABBITMQ_NODENAME", format!("kgl{}@localhost", self.port))
            .env("RABBITMQ_MNESIA_BASE", at("mnesia"))
            .env("RABBITMQ_LOG_BASE", at("log"))
            .env("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("enabled_plugins"))
            .env("RABBITMQ_PID_FILE", at("pid"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_DIST_PORT", self.distribution.to_string())
            .env("ERL_EPMD_PORT", self.mapper.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none")
            .env("RABBITMQ_CTL_ERL_ARGS", "+S 1:1");
        command
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
        // The port mapper goes its own way.
        let mapper = self.mapper.to_string();
        let mut command = Command::new("epmd");
        command.args(["-port", &mapper, "-kill"]).stdout(Stdio::null()).stderr(Stdio::null());
        let _ = command.status();
    }
}

/// The broker's own scripts, which ask for no user to switch to: the newest that is installed.
fn scripts() -> Option<PathBuf> {
    let installed = fs::read_dir("/usr/lib/rabbitmq/lib").ok()?.flatten().map(|entry| entry.path().join("sbin"));
    installed.filter(|path| path.join("rabbitmq-server").exists()).max()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}
