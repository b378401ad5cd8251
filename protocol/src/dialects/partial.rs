//! What is kept of a frame that has come in part. Owns: how its memory grows. Never: knows what a frame is.

/// Keeps a piece of a frame, in an allocation that grows by doubling but never beyond `most`, the longest that the
/// frame can become.
pub(super) fn keep(partial: &mut Vec<u8>, piece: &[u8], most: usize) {
    let needed = partial.len() + piece.len();
    if needed > partial.capacity() {
        let wanted = needed.max(2 * partial.capacity()).max(256).min(most.max(needed));
        partial.reserve_exact(wanted - partial.len());
    }
    partial.extend_from_slice(piece);
}
