//! Photos: decoded within bounds, turned upright, written anew as JPEG, with a small picture beside.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ExtendedColorType, ImageDecoder as _, ImageFormat, ImageReader, Limits, RgbImage};

use super::Unfit;

/// Pixels of a photo: phones' largest modes have 50 million.
const PIXELS_MAX: u64 = 50_000_000;
/// Pixels of one side; panoramas have 16,000.
const SIDE_MAX: u32 = 20_000;
/// Bytes of the decoded picture: 50 million pixels in three colours, with room for one more.
const DECODED_BYTES_MAX: u64 = 160 * 1024 * 1024;
/// Pixels of the longer side as it is kept: the writing on a page photographed whole stays legible.
const KEPT_SIDE: u32 = 4_096;
/// Pixels of the small picture's longer side.
const THUMBNAIL_SIDE: u32 = 320;
const QUALITY: u8 = 86;
const THUMBNAIL_QUALITY: u8 = 78;
/// Scans of a progressive JPEG. Cameras write about ten; each costs a pass over all pixels, and a bomb has thousands.
const SCANS_MAX: usize = 100;

/// A photo as it is kept, both parts JPEG.
#[derive(Debug)]
pub(super) struct Photo {
    pub(super) picture: Vec<u8>,
    pub(super) thumbnail: Vec<u8>,
}

/// Reads a photo.
///
/// # Errors
/// `TooManyPixels` before anything is decoded, `Damaged` for what cannot be decoded.
pub(super) fn read(bytes: &[u8], format: ImageFormat) -> Result<Photo, Unfit> {
    let damaged = |_cause| Unfit::Damaged;
    if format == ImageFormat::Jpeg && bytes.windows(2).filter(|it| *it == b"\xff\xda").count() > SCANS_MAX {
        return Err(Unfit::Damaged);
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = None;
    limits.max_image_height = None;
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|cause| match cause {
        image::ImageError::Limits(_) => Unfit::TooManyPixels,
        _ => Unfit::Damaged,
    })?;
    let (width, height) = decoder.dimensions();
    let is_large = u64::from(width) * u64::from(height) > PIXELS_MAX
        || width.max(height) > SIDE_MAX
        || decoder.total_bytes() > DECODED_BYTES_MAX;
    if is_large {
        return Err(Unfit::TooManyPixels);
    }
    if width == 0 || height == 0 {
        return Err(Unfit::Damaged);
    }
    let orientation = decoder.orientation().map_err(damaged)?;
    let picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    // Smaller before anything else: what follows then needs little memory.
    let mut kept = smaller(picture, KEPT_SIDE);
    kept.apply_orientation(orientation);
    let kept = on_white(kept);
    let picture = jpeg(&kept, QUALITY)?;
    let thumbnail = smaller(DynamicImage::ImageRgb8(kept), THUMBNAIL_SIDE).into_rgb8();
    Ok(Photo { picture, thumbnail: jpeg(&thumbnail, THUMBNAIL_QUALITY)? })
}

/// The picture with no side longer than `side`, its shape kept.
fn smaller(picture: DynamicImage, side: u32) -> DynamicImage {
    if picture.width().max(picture.height()) <= side { picture } else { picture.thumbnail(side, side) }
}

/// JPEG has no transparency: what shines through is white paper, not black.
fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let rgba = picture.into_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [red, green, blue, alpha] = rgba.get_pixel(x, y).0;
        let mix = |colour: u8| {
            let mixed = (u32::from(colour) * u32::from(alpha) + 255 * (255 - u32::from(alpha)) + 127) / 255;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        image::Rgb([mix(red), mix(green), mix(blue)])
    })
}

fn jpeg(picture: &RgbImage, quality: u8) -> Result<Vec<u8>, Unfit> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode(picture.as_raw(), picture.width(), picture.height(), ExtendedColorType::Rgb8)
        .map_err(|_cause| Unfit::Damaged)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use image::{Rgb, Rgba, RgbaImage};

    use super::*;

    /// Left half red, right half blue.
    fn two_halves(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(
            width,
            height,
            |x, _| if x < width / 2 { Rgb([220, 20, 20]) } else { Rgb([20, 20, 220]) },
        )
    }

    fn decoded(bytes: &[u8]) -> RgbImage {
        image::load_from_memory_with_format(bytes, ImageFormat::Jpeg).expect("a JPEG").into_rgb8()
    }

    /// The JPEG with an EXIF block that says how the camera was held and where it was.
    fn with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
        let mut tiff = b"MM\0\x2a\0\0\0\x08\0\x02".to_vec();
        tiff.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
        // GPSInfo, with an address that stands for itself.
        tiff.extend([0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0x26, 0, 0, 0, 0]);
        tiff.extend(b"\0\x00GPS-26.04-119.33");
        let mut segment = b"Exif\0\0".to_vec();
        segment.extend(tiff);
        let length = u16::try_from(segment.len() + 2).expect("short").to_be_bytes();
        [&jpeg[..2], b"\xff\xe1", &length, &segment, &jpeg[2..]].concat()
    }

    #[test]
    fn a_photo_is_kept_upright_and_without_what_the_camera_wrote() {
        let plain = jpeg(&two_halves(64, 32), 90).expect("written");
        let sent = with_exif(&plain, 6);
        assert!(sent.windows(3).any(|it| it == b"GPS"));

        let photo = read(&sent, ImageFormat::Jpeg).expect("read");

        let picture = decoded(&photo.picture);
        assert_eq!(picture.dimensions(), (32, 64));
        // Turned clockwise: the left half is on top.
        let (above, below) = (picture.get_pixel(16, 8).0, picture.get_pixel(16, 56).0);
        assert!(above[0] > 150 && above[2] < 100 && below[2] > 150 && below[0] < 100, "{above:?} {below:?}");
        for part in [&photo.picture, &photo.thumbnail] {
            assert!(!part.windows(4).any(|it| it == b"Exif" || it == b"GPS-"));
        }
    }

    #[test]
    fn what_stands_behind_the_picture_is_gone() {
        let mut sent = jpeg(&two_halves(16, 16), 90).expect("written");
        sent.extend(b"<script>alert(1)</script>PK\x03\x04");

        let photo = read(&sent, ImageFormat::Jpeg).expect("read");

        assert!(!photo.picture.windows(7).any(|it| it == b"<script"));
    }

    #[test]
    fn a_transparent_picture_lies_on_white() {
        let mut sent = Vec::new();
        RgbaImage::from_pixel(8, 8, Rgba([0, 0, 0, 0]))
            .write_to(&mut Cursor::new(&mut sent), ImageFormat::Png)
            .expect("written");

        let photo = read(&sent, ImageFormat::Png).expect("read");

        assert!(decoded(&photo.picture).get_pixel(4, 4).0.iter().all(|it| *it > 250));
    }

    #[test]
    fn a_large_picture_is_made_smaller_and_has_a_small_one_beside() {
        let mut sent = Vec::new();
        two_halves(4_500, 90).write_to(&mut Cursor::new(&mut sent), ImageFormat::Png).expect("written");

        let photo = read(&sent, ImageFormat::Png).expect("read");

        assert_eq!(decoded(&photo.picture).width(), KEPT_SIDE);
        assert_eq!(decoded(&photo.thumbnail).width(), THUMBNAIL_SIDE);
    }

    #[test]
    fn a_webp_is_read() {
        let mut sent = Vec::new();
        two_halves(40, 20).write_to(&mut Cursor::new(&mut sent), ImageFormat::WebP).expect("written");

        let photo = read(&sent, ImageFormat::WebP).expect("read");

        assert_eq!(decoded(&photo.picture).dimensions(), (40, 20));
    }

    #[test]
    fn a_jpeg_of_very_many_scans_is_not_decoded() {
        let mut sent = jpeg(&two_halves(16, 16), 90).expect("written");
        sent.extend(b"\xff\xda".repeat(SCANS_MAX));

        assert_eq!(read(&sent, ImageFormat::Jpeg).err(), Some(Unfit::Damaged));
    }
}
