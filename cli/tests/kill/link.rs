//! The link between one agent's machine and the coordinator: forwards datagrams until it is cut, in one direction or both.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Each agent's socket gets one of its own towards the coordinator, so that the answers find their way.
pub(crate) struct Link {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    up_is_cut: AtomicBool,
    down_is_cut: AtomicBool,
    over: AtomicBool,
}

impl Link {
    pub(crate) fn to(coordinator: SocketAddr) -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").unwrap();
        front.set_read_timeout(Some(LOOK)).unwrap();
        let address = front.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || forward(&front, coordinator, &shared));
        Self { address, state, thread: Some(thread) }
    }

    /// Nothing passes towards the coordinator (`up`), or from it (`down`), until it is mended.
    pub(crate) fn cut(&self, up: bool, down: bool) {
        self.state.up_is_cut.store(up, Ordering::Relaxed);
        self.state.down_is_cut.store(down, Ordering::Relaxed);
    }

    pub(crate) fn mend(&self) {
        self.cut(false, false);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn forward(front: &UdpSocket, coordinator: SocketAddr, state: &Arc<State>) {
    let mut backs: Vec<(SocketAddr, Arc<UdpSocket>)> = Vec::new();
    let mut threads = Vec::new();
    let mut buffer = vec![0; 65_536];
    while !state.over.load(Ordering::Relaxed) {
        let Ok((length, from)) = front.recv_from(&mut buffer) else { continue };
        let known = backs.iter().find(|(agent, _)| *agent == from).map(|(_, back)| Arc::clone(back));
        let back = known.unwrap_or_else(|| {
            let back = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
            back.connect(coordinator).unwrap();
            back.set_read_timeout(Some(LOOK)).unwrap();
            backs.push((from, Arc::clone(&back)));
            let (front, answers, state) = (front.try_clone().unwrap(), Arc::clone(&back), Arc::clone(state));
            threads.push(std::thread::spawn(move || answer(&front, &answers, from, &state)));
            back
        });
        if !state.up_is_cut.load(Ordering::Relaxed) {
            // A coordinator that is down refuses it: so it is on a real link, too.
            let _ = back.send(&buffer[..length]);
        }
    }
    threads.into_iter().for_each(|thread| drop(thread.join()));
}

fn answer(front: &UdpSocket, back: &UdpSocket, agent: SocketAddr, state: &State) {
    let mut buffer = vec![0; 65_536];
    while !state.over.load(Ordering::Relaxed) {
        let Ok(length) = back.recv(&mut buffer) else { continue };
        if !state.down_is_cut.load(Ordering::Relaxed) {
            let _ = front.send_to(&buffer[..length], agent);
        }
    }
}

/// How often a thread looks whether it is over.
const LOOK: Duration = Duration::from_millis(50);
