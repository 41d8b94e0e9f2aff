//! Voice notes as recorders write them: whole containers around packets of silence.

/// Seconds of an Ogg Opus file, as Firefox records it: a page a second, fifty packets in it.
pub(crate) fn ogg(seconds: u32) -> Vec<u8> {
    let mut file = page(2, 0, 0, &[opus_head()]);
    file.extend(page(0, 0, 1, &[b"OpusTags\x01\0\0\0x\0\0\0\0".to_vec()]));
    for second in 1..=seconds {
        let flags = if second == seconds { 4 } else { 0 };
        file.extend(page(flags, u64::from(second) * 48_000 + 312, second + 1, &vec![SILENCE.to_vec(); 50]));
    }
    file
}

/// An Opus packet of 20 ms.
const SILENCE: &[u8] = &[0x08, 0, 0, 0];

fn opus_head() -> Vec<u8> {
    [&b"OpusHead\x01\x01"[..], &312_u16.to_le_bytes(), &48_000_u32.to_le_bytes(), &[0, 0, 0]].concat()
}

fn page(flags: u8, granule: u64, seq: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut page = [&b"OggS\0"[..], &[flags], &granule.to_le_bytes(), &7_u32.to_le_bytes()].concat();
    page.extend(seq.to_le_bytes());
    page.extend([0; 4]);
    page.push(u8::try_from(packets.len()).unwrap());
    page.extend(packets.iter().map(|it| u8::try_from(it.len()).unwrap()));
    page.extend(packets.concat());
    let crc = page.iter().fold(0_u32, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 24), |crc, _| {
            if crc & 0x8000_0000 == 0 { crc << 1 } else { (crc << 1) ^ 0x04c1_1db7 }
        })
    });
    page[22..26].copy_from_slice(&crc.to_le_bytes());
    page
}

fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
    let size = (u64::try_from(body.len()).unwrap() | (1 << 56)).to_be_bytes();
    [id, &size, body].concat()
}

/// A `WebM` file as Chromium's recorder writes it, while it does not know how long it will be; of sound, or a film.
pub(crate) fn webm(seconds: u16, is_film: bool) -> Vec<u8> {
    let endless = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let mut file = element(b"\x1a\x45\xdf\xa3", &element(b"\x42\x82", b"webm"));
    file.extend(b"\x18\x53\x80\x67");
    file.extend(endless);
    let info = [
        element(b"\x2a\xd7\xb1", &1_000_000_u32.to_be_bytes()),
        element(b"\x4d\x80", b"Chrome"),
        element(b"\x57\x41", b"Chrome"),
    ];
    file.extend(element(b"\x15\x49\xa9\x66", &info.concat()));
    let sound = [
        element(b"\xd7", &[1]),
        element(b"\x73\xc5", &[1]),
        element(b"\x83", &[if is_film { 1 } else { 2 }]),
        element(b"\x86", if is_film { b"V_VP8" } else { b"A_OPUS" }),
        if is_film {
            element(b"\xe0", &[element(b"\xb0", &[16]), element(b"\xba", &[16])].concat())
        } else {
            let kind = [element(b"\xb5", &48_000_f32.to_be_bytes()), element(b"\x9f", &[1])].concat();
            [element(b"\x63\xa2", &opus_head()), element(b"\xe1", &kind)].concat()
        },
    ];
    file.extend(element(b"\x16\x54\xae\x6b", &element(b"\xae", &sound.concat())));
    for second in 0..seconds {
        let mut cluster = element(b"\xe7", &(u32::from(second) * 1000).to_be_bytes());
        for n in 0..50_i16 {
            let block = [&[0x81][..], &(n * 20).to_be_bytes(), &[0x80], SILENCE].concat();
            cluster.extend(element(b"\xa3", &block));
        }
        file.extend(b"\x1f\x43\xb6\x75");
        file.extend(endless);
        file.extend(cluster);
    }
    file
}

fn boxed(kind: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let size = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
    [&size[..], &kind, &body].concat()
}

/// An M4A file of AAC with a place in its description, as a phone's recorder writes it.
pub(crate) fn m4a(seconds: u32) -> Vec<u8> {
    const SCALE: u32 = 8_000;
    let number = u32::to_be_bytes;
    let n = number(seconds);
    let duration = number(seconds * SCALE);
    let esds = b"\0\0\0\0\x03\x19\0\0\0\x04\x11\x40\x15\0\0\0\0\0\0\0\0\0\0\0\x05\x02\x15\x88\x06\x01\x02";
    let mp4a = boxed(
        *b"mp4a",
        &[
            &[0; 6],
            &[0, 1],
            &[0; 8],
            &[0, 1, 0, 16],
            &[0; 4],
            &number(SCALE << 16),
            &boxed(*b"esds", &[esds]),
        ],
    );
    let table = [
        boxed(*b"stsd", &[&[0; 4], &number(1), &mp4a]),
        boxed(*b"stts", &[&[0; 4], &number(1), &n, &number(SCALE)]),
        boxed(*b"stsc", &[&[0; 4], &number(1), &number(1), &n, &number(1)]),
        boxed(*b"stsz", &[&[0; 4], &number(4), &n]),
        boxed(*b"stco", &[&[0; 4], &number(1), &number(36)]),
    ]
    .concat();
    let url = boxed(*b"url ", &[&[0, 0, 0, 1]]);
    let media = [
        boxed(*b"smhd", &[&[0; 8]]),
        boxed(*b"dinf", &[&boxed(*b"dref", &[&[0; 4], &number(1), &url])]),
        boxed(*b"stbl", &[&table]),
    ]
    .concat();
    let track = boxed(
        *b"mdia",
        &[
            &boxed(*b"mdhd", &[&[0; 12], &number(SCALE), &duration, &[0x55, 0xc4, 0, 0]]),
            &boxed(*b"hdlr", &[&[0; 8], b"soun", &[0; 12], b"sound\0"]),
            &boxed(*b"minf", &[&media]),
        ],
    );
    let matrix = [
        number(0x1_0000),
        [0; 4],
        [0; 4],
        [0; 4],
        number(0x1_0000),
        [0; 4],
        [0; 4],
        [0; 4],
        number(0x4000_0000),
    ];
    let matrix = matrix.concat();
    let head = boxed(
        *b"tkhd",
        &[
            &[0, 0, 0, 7],
            &[0; 8],
            &number(1),
            &[0; 4],
            &duration,
            &[0; 8],
            &[0; 4],
            &[1, 0, 0, 0],
            &matrix,
            &[0; 8],
        ],
    );
    let movie = boxed(
        *b"mvhd",
        &[
            &[0; 12],
            &number(SCALE),
            &duration,
            &number(0x1_0000),
            &[1, 0],
            &[0; 10],
            &matrix,
            &[0; 24],
            &number(2),
        ],
    );
    let place = boxed(*b"udta", &[&boxed(*b"\xa9xyz", &[b"\0\x11\x15\xc7+26.0400+119.3300/"])]);
    let samples = vec![0; usize::try_from(seconds).unwrap() * 4];
    [
        boxed(*b"ftyp", &[b"M4A \0\0\0\0M4A isom"]),
        boxed(*b"mdat", &[&samples]),
        boxed(*b"moov", &[&movie, &boxed(*b"trak", &[&head, &track]), &place]),
    ]
    .concat()
}
