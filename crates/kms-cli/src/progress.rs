//! A progress bar on a terminal; nothing in a pipe.

use std::io::{self, IsTerminal, Read};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shorter inputs are done before anybody could read a bar.
const WORTH_SHOWING: u64 = 32 * 1024 * 1024;

/// A reader that shows how far it is.
pub(crate) struct Watched<R> {
    inner: R,
    bar: ProgressBar,
}

impl<R> Watched<R> {
    pub(crate) fn new(inner: R, name: &str, len: Option<u64>, quiet: bool) -> Self {
        let show = !quiet && io::stderr().is_terminal() && len.is_none_or(|len| len >= WORTH_SHOWING);
        let bar = match len {
            Some(len) => ProgressBar::with_draw_target(Some(len), target(show)),
            None => ProgressBar::with_draw_target(None, target(show)),
        };
        let template = if len.is_some() {
            "{msg} [{bar:30}] {percent:>3}%  {bytes}/{total_bytes}  {bytes_per_sec}  {eta}"
        } else {
            "{msg} {spinner} {bytes}  {bytes_per_sec}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(crate::report::printable(name));
        if show && len.is_none() {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { inner, bar }
    }
}

fn target(show: bool) -> ProgressDrawTarget {
    if show { ProgressDrawTarget::stderr_with_hz(5) } else { ProgressDrawTarget::hidden() }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(out)?;
        self.bar.inc(len as u64);
        Ok(len)
    }
}

impl<R> Drop for Watched<R> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
