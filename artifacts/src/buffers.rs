//! Buffers that are used again: what an allocator keeps of large blocks that come and go is many times what is in use.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Buffers that nobody uses.
#[derive(Clone, Default)]
pub(crate) struct Buffers {
    free: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// A buffer with what was read into it; free again when its last reader is gone.
struct Used {
    content: Vec<u8>,
    buffers: Buffers,
}

impl Buffers {
    /// An empty buffer with room for so many octets.
    pub(crate) fn take(&self, length: usize) -> Vec<u8> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buffer = free.unwrap_or_default();
        buffer.reserve_exact(length);
        buffer
    }

    /// What is in a buffer, for others to read.
    pub(crate) fn lend(&self, content: Vec<u8>) -> Bytes {
        Bytes::from_owner(Used { content, buffers: self.clone() })
    }
}

impl AsRef<[u8]> for Used {
    fn as_ref(&self) -> &[u8] {
        &self.content
    }
}

impl Drop for Used {
    fn drop(&mut self) {
        let mut content = std::mem::take(&mut self.content);
        content.clear();
        self.buffers.free.lock().unwrap_or_else(PoisonError::into_inner).push(content);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_when_its_last_reader_is_gone() {
        let buffers = Buffers::default();
        let mut first = buffers.take(100);
        first.extend_from_slice(b"text");
        let place = first.as_ptr();
        let lent = buffers.lend(first);
        let reader = lent.clone();
        drop(lent);
        assert_eq!(&reader[..], b"text");
        let other = buffers.take(100);
        assert_ne!(other.as_ptr(), place, "it is still read");
        drop(reader);
        let again = buffers.take(100);
        assert_eq!((again.as_ptr(), again.len()), (place, 0));
    }
}
