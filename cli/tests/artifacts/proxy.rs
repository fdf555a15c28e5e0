//! Between the program and its server: who cuts connections, or answers in the server's place.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// Passes connections on, of which the first so many are cut after so many octets from the client.
pub struct Cutter {
    port: u16,
    cut: Arc<AtomicUsize>,
}

impl Cutter {
    pub fn before(server: u16, first: usize, octets: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&cut);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
                let limit = (counted.load(Ordering::SeqCst) < first).then_some(octets);
                let counted = Arc::clone(&counted);
                thread::spawn(move || pass(client, server, limit, &counted));
            }
        });
        Self { port, cut }
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Connections that were cut.
    pub fn cut(&self) -> usize {
        self.cut.load(Ordering::SeqCst)
    }
}

fn pass(mut client: TcpStream, mut server: TcpStream, limit: Option<usize>, cut: &AtomicUsize) {
    let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let mut left = limit.unwrap_or(usize::MAX);
    let mut buffer = [0; 16 << 10];
    while let Ok(read) = client.read(&mut buffer)
        && read > 0
    {
        let passed = read.min(left);
        if server.write_all(&buffer[..passed]).is_err() {
            break;
        }
        left -= passed;
        if left == 0 {
            cut.fetch_add(1, Ordering::SeqCst);
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

/// Answers every request with this head, and then with the letter x for ever; the port.
pub fn endless(head: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut request = [0; 4096];
                let _ = client.read(&mut request);
                let _ = client.write_all(head.as_bytes());
                let letters = [b'x'; 64 << 10];
                while client.write_all(&letters).is_ok() {}
            });
        }
    });
    port
}

/// Takes requests and never answers: the port, and who says when the first one has come.
pub fn silent() -> (u16, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (come, comes) = channel();
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let come = come.clone();
            thread::spawn(move || {
                let mut request = [0; 4096];
                while client.read(&mut request).is_ok_and(|read| read > 0) {
                    let _ = come.send(());
                }
            });
        }
    });
    (port, comes)
}
