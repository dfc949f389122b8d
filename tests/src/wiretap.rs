//! A tap on the line between a relay and everybody else: passes every datagram on, and keeps a copy.
//!
//! Owns one socket for callers and one per caller towards the relay. Must not know what is in a datagram.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// A UDP datagram is never larger.
const DATAGRAM_BYTES_MAX: usize = 64 * 1024;

/// The tap.
#[derive(Debug)]
pub struct Wiretap {
    address: SocketAddr,
    heard: Heard,
    _tasks: JoinSet<()>,
}

type Heard = Arc<Mutex<Vec<u8>>>;

impl Wiretap {
    /// A tap in front of `relay`, on a port of its own.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start(relay: SocketAddr) -> Self {
        let callers = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a free port"));
        let address = callers.local_addr().expect("bound");
        let (heard, mut tasks) = (Heard::default(), JoinSet::new());
        tasks.spawn(pass(callers, relay, Arc::clone(&heard)));
        Self { address, heard, _tasks: tasks }
    }

    /// Where callers come in.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// All datagrams so far, both ways, one behind the other.
    #[must_use]
    pub fn datagrams(&self) -> Vec<u8> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn keep(heard: &Heard, datagram: &[u8]) {
    heard.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(datagram);
}

async fn pass(callers: Arc<UdpSocket>, relay: SocketAddr, heard: Heard) {
    let mut lines: BTreeMap<SocketAddr, Arc<UdpSocket>> = BTreeMap::new();
    let mut back = JoinSet::new();
    let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
    while let Ok((bytes, caller)) = callers.recv_from(&mut datagram).await {
        let line = match lines.get(&caller) {
            Some(line) => Arc::clone(line),
            None => {
                let line = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a free port"));
                line.connect(relay).await.expect("a loopback address");
                back.spawn(answer(Arc::clone(&line), Arc::clone(&callers), caller, Arc::clone(&heard)));
                lines.insert(caller, Arc::clone(&line));
                line
            }
        };
        keep(&heard, &datagram[..bytes]);
        // A datagram that is lost here is sent again by QUIC.
        drop(line.send(&datagram[..bytes]).await);
    }
}

async fn answer(line: Arc<UdpSocket>, callers: Arc<UdpSocket>, caller: SocketAddr, heard: Heard) {
    let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        // A relay that restarts refuses for a moment: the line stays.
        let Ok(bytes) = line.recv(&mut datagram).await else { continue };
        keep(&heard, &datagram[..bytes]);
        drop(callers.send_to(&datagram[..bytes], caller).await);
    }
}
