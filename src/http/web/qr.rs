//! A QR code as one path of an inline picture.

use qrcode::{Color, EcLevel, QrCode};

/// The light margin that scanners need around a code, in modules (ISO/IEC 18004).
const MARGIN: usize = 4;

/// A square picture: its side in modules, and the path of the dark ones.
pub(super) struct Qr {
    pub(super) side: usize,
    pub(super) path: String,
}

impl Qr {
    /// The code of `text`; None when it is too long for one.
    pub(super) fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let width = code.width();
        let dark = code.to_colors().into_iter().enumerate().filter(|(_, it)| *it == Color::Dark);
        let squares: Vec<String> =
            dark.map(|(at, _)| format!("M{} {}h1v1h-1z", at % width + MARGIN, at / width + MARGIN)).collect();
        Some(Self { side: width + 2 * MARGIN, path: squares.concat() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_square_stands_inside_the_margin() {
        let qr = Qr::of("http://127.0.0.1/r/YD-20261123-00426#12345678").unwrap();

        assert!(qr.path.starts_with("M4 4h1v1h-1z"));
        assert!(qr.side > 2 * MARGIN && Qr::of(&"x".repeat(9000)).is_none());
    }
}
