//! Text messages: handed one at a time to a command of the operator's, as JSON on its standard input.

use std::io::Write as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::json;

use super::mail::NotSent;

/// How long the command may take over one message; then it is ended and the message is tried again.
pub const SEND_WITHIN: Duration = Duration::from_secs(30);
/// How often a running command is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Exit statuses that no other try will change: the number or the words are wrong (sysexits.h).
const WRONG_DATA: i32 = 65;
const NO_SUCH_NUMBER: i32 = 67;

/// A text message about to leave.
#[derive(Clone, PartialEq, Eq)]
pub struct TextMessage {
    /// The phone number, as the resident gave it.
    pub to: String,
    pub text: String,
    /// The same each time the same message is handed over, so that a repeat is known for one.
    pub key: String,
}

/// Hands text messages to the command of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texter {
    program: String,
    arguments: Vec<String>,
}

impl Texter {
    /// A texter that runs `command`: a program and its arguments, parted by spaces. No shell reads it.
    ///
    /// # Errors
    /// A text for operators when it names no program.
    pub fn new(command: &str) -> Result<Self, String> {
        let mut words = command.split_whitespace().map(str::to_owned);
        let program = words.next().ok_or("sms_command names no program")?;
        Ok(Self { program, arguments: words.collect() })
    }

    /// Hands over one message; when this returns `Ok` the command has ended with status 0.
    ///
    /// # Errors
    /// `ForGood` at the exit statuses 65 and 67; otherwise, also when it takes too long, `ForNow`.
    pub async fn send(&self, message: &TextMessage) -> Result<(), NotSent> {
        let mut child = self.start(message).map_err(|cause| {
            NotSent::ForNow(format!("could not run the text message command: {}", cause.kind()))
        })?;
        judge(wait(&mut child, SEND_WITHIN).await)
    }

    fn start(&self, message: &TextMessage) -> std::io::Result<Child> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let body = json!({"to": message.to, "text": message.text, "key": message.key}).to_string();
        if let Some(mut input) = child.stdin.take() {
            // A pipe holds far more than one message, so this waits for nobody. A command that reads
            // nothing tells by its exit status what came of it.
            drop(input.write_all(body.as_bytes()));
        }
        Ok(child)
    }
}

/// The exit status, or what kept the command from ending by itself; it has ended when this returns.
async fn wait(child: &mut Child, within: Duration) -> Result<ExitStatus, NotSent> {
    let ending = async {
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => tokio::time::sleep(LOOK_EVERY).await,
                Err(cause) => return Err(cause.kind().to_string()),
            }
        }
    };
    let cause = match tokio::time::timeout(within, ending).await {
        Ok(Ok(status)) => return Ok(status),
        Ok(Err(cause)) => cause,
        Err(_late) => "it did not end in time".to_owned(),
    };
    // Both fail only when it has ended meanwhile.
    drop(child.kill());
    drop(child.wait());
    Err(NotSent::ForNow(format!("could not wait for the text message command: {cause}")))
}

fn judge(ended: Result<ExitStatus, NotSent>) -> Result<(), NotSent> {
    match ended?.code() {
        Some(0) => Ok(()),
        Some(code @ (WRONG_DATA | NO_SUCH_NUMBER)) => {
            Err(NotSent::ForGood(format!("the text message command ended with status {code}")))
        }
        Some(code) => Err(NotSent::ForNow(format!("the text message command ended with status {code}"))),
        None => Err(NotSent::ForNow("the text message command was ended by a signal".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> TextMessage {
        TextMessage { to: "13812345678".to_owned(), text: "修好了".to_owned(), key: "yd-1.1@x".to_owned() }
    }

    #[tokio::test]
    async fn exit_statuses_tell_taken_from_later_and_never() {
        let send = async |command| Texter::new(command).expect("a texter").send(&message()).await;

        assert_eq!(send("true").await, Ok(()));
        assert!(matches!(send("false").await, Err(NotSent::ForNow(_))));
        assert!(matches!(send("/nowhere/command").await, Err(NotSent::ForNow(_))));
        for (code, is_final) in [(1, false), (65, true), (67, true), (75, false)] {
            let judged = judge(Ok(status(code))).expect_err("not sent");
            assert_eq!(matches!(judged, NotSent::ForGood(_)), is_final, "{code}");
        }
        assert!(Texter::new("  ").is_err());
    }

    fn status(code: i32) -> ExitStatus {
        use std::os::unix::process::ExitStatusExt as _;
        ExitStatus::from_raw(code << 8)
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_ended() {
        let mut child = Command::new("sleep").arg("600").spawn().expect("started");

        let told = wait(&mut child, Duration::ZERO).await.expect_err("not sent");

        assert!(matches!(told, NotSent::ForNow(_)), "{told}");
        assert!(child.try_wait().expect("known").is_some());
    }
}
