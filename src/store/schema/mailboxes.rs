//! Collections, their letters, slips and due openings.

diesel::table! {
    due_opening (mailbox_id, due_at) {
        mailbox_id -> BigInt,
        since_at -> BigInt,
        due_at -> BigInt,
    }
}

diesel::table! {
    mailbox_watch (mailbox_id) {
        mailbox_id -> BigInt,
        schedule -> Nullable<Text>,
        looked_at -> BigInt,
        look_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    slip_batch (id) {
        id -> BigInt,
        node_id -> BigInt,
        first_running -> BigInt,
        last_running -> BigInt,
        kiosk_id -> Nullable<BigInt>,
        printed_at -> BigInt,
    }
}

diesel::table! {
    collection (id) {
        id -> BigInt,
        mailbox_id -> BigInt,
        node_id -> BigInt,
        version -> BigInt,
        opened_at -> BigInt,
        recorded_at -> BigInt,
        letters_counted -> BigInt,
        n_registered -> BigInt,
        n_set_aside -> BigInt,
        opener_1_id -> Nullable<BigInt>,
        opener_2_id -> Nullable<BigInt>,
        confirmed_1_at -> Nullable<BigInt>,
        confirmed_2_at -> Nullable<BigInt>,
        closed_at -> Nullable<BigInt>,
        n_unaccounted -> Nullable<BigInt>,
    }
}

diesel::table! {
    collection_letter (collection_id, id) {
        collection_id -> BigInt,
        id -> BigInt,
        set_aside -> Nullable<Text>,
        put_in_on -> Nullable<Text>,
        slip -> Nullable<Text>,
        n_tickets -> BigInt,
        registered_at -> BigInt,
    }
}

diesel::table! {
    collection_attachment (collection_id, id) {
        collection_id -> BigInt,
        id -> BigInt,
        letter_id -> Nullable<BigInt>,
        media -> Text,
        file -> Text,
        n_bytes -> BigInt,
        sha256 -> Text,
        thumbnail_sha256 -> Nullable<Text>,
        added_at -> BigInt,
    }
}

diesel::table! {
    collection_text (collection_id, seq, name) {
        collection_id -> BigInt,
        seq -> BigInt,
        name -> Text,
        salt -> Binary,
        body -> Text,
    }
}

diesel::table! {
    collection_key (account_id, route, key_hash) {
        account_id -> BigInt,
        route -> Text,
        key_hash -> Binary,
        fingerprint -> Binary,
        collection_id -> BigInt,
        letter_id -> Nullable<BigInt>,
        expires_at -> BigInt,
    }
}
