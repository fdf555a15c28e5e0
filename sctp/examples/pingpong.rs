//! Round trips and one-way messages a second between two threads on loopback: `cargo run --release -p sctp --example
//! pingpong [udp|kernel|raw|memory]`.

use sctp::{Address, AssociationId, Endpoint, Event, NGAP_PPID, Options, SendError};
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let transport = std::env::args().nth(1).unwrap_or_else(|| "udp".to_owned());
    let listen: Address = match transport.as_str() {
        "udp" => "sctp+udp://127.0.0.1:0",
        "kernel" => "sctp://127.0.0.1:0",
        "raw" => "sctp+ip://127.0.0.1:0",
        "memory" => "memory://pingpong",
        other => return Err(format!("`{other}` is not udp, kernel, raw or memory").into()),
    }
    .parse()?;
    let (address_out, address_in) = std::sync::mpsc::channel();
    let for_server = listen.clone();
    let server = std::thread::spawn(move || {
        let mut server = Endpoint::listen(&for_server, &Options::default()).expect("listen");
        address_out.send(server.local_address()).expect("main waits");
        serve(&mut server);
    });
    let address = address_in.recv()?;
    let mut client = Endpoint::client(listen.transport(), &Options::default())?;
    let id = client.connect(&address, Instant::now())?;
    let mut events = Vec::new();
    client.wait(Instant::now() + Duration::from_secs(5), &mut events)?;
    if !matches!(events[..], [Event::Up { .. }]) {
        return Err(format!("not connected: {events:?}").into());
    }
    println!("{transport}: {:.0} round trips/s", round_trips(&mut client, id)?);
    println!("{transport}: {:.0} messages/s one way", one_way(&mut client, id)?);
    client.shutdown(id, Instant::now());
    client.wait(Instant::now() + Duration::from_secs(5), &mut events)?;
    server.join().map_err(|_| "the server panicked")?;
    Ok(())
}

/// Returns what comes on stream 1; swallows what comes on stream 2, but for the last one.
fn serve(server: &mut Endpoint) {
    let mut events = Vec::new();
    loop {
        server.wait(Instant::now() + Duration::from_secs(5), &mut events).expect("own sockets work");
        for event in events.drain(..) {
            match event {
                Event::Received { id, stream, ppid, payload, .. }
                    if stream == 1 || payload.first() == Some(&LAST) =>
                {
                    server.send(id, stream, ppid, payload).expect("room");
                }
                Event::Down { .. } => return,
                _ => {}
            }
        }
    }
}

fn round_trips(client: &mut Endpoint, id: AssociationId) -> Result<f64, Box<dyn std::error::Error>> {
    let (started, mut events, mut count) = (Instant::now(), Vec::new(), 0u32);
    while started.elapsed() < TIME {
        client.send(id, 1, NGAP_PPID, vec![0; LENGTH])?;
        while events.is_empty() {
            client.wait(Instant::now() + Duration::from_secs(1), &mut events)?;
        }
        events.clear();
        count += 1;
    }
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}

fn one_way(client: &mut Endpoint, id: AssociationId) -> Result<f64, Box<dyn std::error::Error>> {
    let (started, mut events, mut count) = (Instant::now(), Vec::new(), 0u32);
    while started.elapsed() < TIME {
        for _ in 0..64 {
            match client.send(id, 2, NGAP_PPID, vec![0; LENGTH]) {
                Ok(()) => count += 1,
                Err(SendError::Full) => {
                    client.wait(Instant::now() + Duration::from_micros(200), &mut events)?;
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        client.poll(Instant::now(), &mut events)?;
    }
    while client.send(id, 2, NGAP_PPID, vec![LAST; LENGTH]) == Err(SendError::Full) {
        client.wait(Instant::now() + Duration::from_micros(200), &mut events)?;
    }
    while events.is_empty() {
        client.wait(Instant::now() + Duration::from_secs(1), &mut events)?;
    }
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}

const LENGTH: usize = 100;
const LAST: u8 = 1;
const TIME: Duration = Duration::from_secs(3);
