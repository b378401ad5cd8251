//! Frames by hand, as a client makes them. For tests only.

/// A frame with a mask.
pub(super) fn client(opcode: u8, last: bool, payload: &[u8]) -> Vec<u8> {
    let first = opcode | if last { 0x80 } else { 0 };
    let mut header = vec![first];
    match payload.len() {
        length @ 0..126 => header.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..65536 => {
            header.push(0x80 | 126);
            header.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            header.push(0x80 | 127);
            header.extend(u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    masked(&header, payload)
}

/// A header as it is, a mask, and the payload under it.
pub(super) fn masked(header: &[u8], payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = [header, &mask].concat();
    frame.extend(payload.iter().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}
