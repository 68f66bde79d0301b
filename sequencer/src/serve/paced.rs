//! A connection whose other side has to keep pace: whoever takes an answer too slowly, or is silent
//! for too long, is cut off.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

/// The pace of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Time in which a reader that holds an answer up must take `floor` bytes.
    pub(crate) write: Duration,
    /// Least number of bytes that such a reader takes.
    pub(crate) floor: usize,
    /// Longest time without a byte in either direction.
    pub(crate) idle: Duration,
}

/// A connection with its pace.
#[derive(Debug)]
pub(crate) struct Paced<S> {
    inner: S,
    pace: Pace,
    /// Bytes that the reader took since it began to hold the answer up, if it does.
    taken: Option<usize>,
    /// End of the time in which it must take its bytes.
    stall: Pin<Box<Sleep>>,
    /// Time of the last byte in either direction.
    last: Instant,
    idle: Pin<Box<Sleep>>,
}

impl<S> Paced<S> {
    /// Gives a connection its pace.
    pub(crate) fn new(inner: S, pace: Pace) -> Self {
        Self {
            inner,
            pace,
            taken: None,
            stall: Box::pin(tokio::time::sleep(pace.write)),
            last: Instant::now(),
            idle: Box::pin(tokio::time::sleep(pace.idle)),
        }
    }

    /// Notes that the reader took `count` of `offered` bytes.
    fn took(&mut self, count: usize, offered: usize) {
        self.last = Instant::now();
        if count == offered {
            self.taken = None;
        } else if let Some(taken) = &mut self.taken {
            *taken += count;
        }
    }

    /// Waits for a reader that holds an answer up.
    fn held_up(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.taken.is_none() {
            self.taken = Some(0);
            self.stall.as_mut().reset(Instant::now() + self.pace.write);
        }
        loop {
            ready!(self.stall.as_mut().poll(cx));
            if self.taken < Some(self.pace.floor) {
                return Poll::Ready(late("the reader is too slow"));
            }
            self.taken = Some(0);
            self.stall.as_mut().reset(Instant::now() + self.pace.write);
        }
    }

    /// Waits for a byte in either direction.
    fn silent(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            ready!(self.idle.as_mut().poll(cx));
            let until = self.last + self.pace.idle;
            if until <= Instant::now() {
                return Poll::Ready(late("the connection was silent for too long"));
            }
            self.idle.as_mut().reset(until);
        }
    }
}

fn late(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.inner).poll_read(cx, buf) {
            Poll::Ready(read) => {
                self.last = Instant::now();
                Poll::Ready(read)
            }
            Poll::Pending => self.silent(cx).map(Err),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.inner).poll_write(cx, buf) {
            Poll::Ready(Ok(count)) => {
                self.took(count, buf.len());
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.held_up(cx).map(Err),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.inner).poll_write_vectored(cx, bufs) {
            Poll::Ready(Ok(count)) => {
                self.took(count, bufs.iter().map(|buf| buf.len()).sum());
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.held_up(cx).map(Err),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const PACE: Pace = Pace {
        write: Duration::from_millis(100),
        floor: 1_000,
        idle: Duration::from_millis(300),
    };

    fn is_late<T>(outcome: io::Result<T>) -> bool {
        outcome.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut)
    }

    // Before, an answer waited for its reader without end. A time that each byte renews would let
    // one byte now and then hold the answer as long.
    #[tokio::test]
    async fn a_reader_that_takes_single_bytes_is_cut_off() {
        let (mut reader, writer) = duplex(64);
        let mut writer = Paced::new(writer, PACE);
        let drip = tokio::spawn(async move {
            let mut byte = [0];
            while reader.read_exact(&mut byte).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        assert!(is_late(writer.write_all(&[7; 10_000]).await));
        drop(writer);
        drip.await.unwrap();
    }

    #[tokio::test]
    async fn a_reader_that_keeps_pace_gets_everything() {
        let (mut reader, writer) = duplex(64);
        let mut writer = Paced::new(writer, PACE);
        let read = tokio::spawn(async move {
            let mut all = 0;
            let mut part = [0; 400];
            while all < 10_000 {
                all += reader.read(&mut part).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        writer.write_all(&[7; 10_000]).await.unwrap();
        read.await.unwrap();
    }

    // Before, an idle connection stayed open.
    #[tokio::test]
    async fn a_silent_connection_is_cut_off() {
        let (mut other, side) = duplex(64);
        let mut side = Paced::new(side, PACE);
        let speak = tokio::spawn(async move {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                other.write_all(b"x").await.unwrap();
            }
            other
        });
        let mut spoken = [0; 5];
        side.read_exact(&mut spoken).await.unwrap();
        assert!(is_late(side.read_exact(&mut spoken).await));
        drop(speak.await.unwrap());
    }
}
