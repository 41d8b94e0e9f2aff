//! The tables, as both engines have them. Kept equal to the migrations by `tests/it/migrations.rs`.

mod mailboxes;
mod statistics;

pub use mailboxes::*;
pub use statistics::*;

diesel::table! {
    attachment (ticket_id, id) {
        ticket_id -> BigInt,
        id -> BigInt,
        cycle -> BigInt,
        media -> Text,
        file -> Text,
        n_bytes -> BigInt,
        sha256 -> Text,
        thumbnail_sha256 -> Nullable<Text>,
        duration_ms -> Nullable<BigInt>,
        by_resident -> Bool,
        shown -> Bool,
        added_by_id -> Nullable<BigInt>,
        added_at -> BigInt,
    }
}

diesel::table! {
    notice (id) {
        id -> BigInt,
        account_id -> BigInt,
        ticket_id -> Nullable<BigInt>,
        kind -> Text,
        stage -> Nullable<Text>,
        percent -> Nullable<BigInt>,
        level -> Nullable<Text>,
        due_at -> Nullable<BigInt>,
        created_at -> BigInt,
        read_at -> Nullable<BigInt>,
        node_id -> Nullable<BigInt>,
        subject -> Nullable<Text>,
        alerted -> Nullable<Text>,
        message_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    message (id) {
        id -> BigInt,
        kind -> Text,
        account_id -> Nullable<BigInt>,
        ticket_id -> Nullable<BigInt>,
        extension_id -> Nullable<BigInt>,
        channel -> Text,
        message_id -> Text,
        state -> Text,
        n_attempts -> BigInt,
        next_attempt_at -> BigInt,
        leased_until -> Nullable<BigInt>,
        last_error -> Nullable<Text>,
        created_at -> BigInt,
        settled_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    clock (ticket_id, place) {
        ticket_id -> BigInt,
        place -> BigInt,
        stage -> Text,
        cycle -> BigInt,
        nth -> BigInt,
        state -> Text,
        started_at -> BigInt,
        due_at -> BigInt,
        paused_at -> Nullable<BigInt>,
        met_at -> Nullable<BigInt>,
        breached_at -> Nullable<BigInt>,
        alarm_at -> Nullable<BigInt>,
        alarm -> Nullable<Text>,
        warned -> Nullable<BigInt>,
        rules -> Text,
        details -> Text,
    }
}

diesel::table! {
    extension (ticket_id, id) {
        ticket_id -> BigInt,
        id -> BigInt,
        cycle -> BigInt,
        due_at -> BigInt,
        state -> Text,
        requested_at -> BigInt,
        decided_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    sla_rules (digest) {
        digest -> Text,
        body -> Text,
    }
}

diesel::table! {
    node (id) {
        id -> BigInt,
        code -> Text,
        name -> Text,
        kind -> Text,
        parent_id -> Nullable<BigInt>,
        path -> Text,
        time_zone -> Text,
        version -> BigInt,
        retired_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    setup_entry (id) {
        id -> BigInt,
        kind -> Text,
        node_id -> Nullable<BigInt>,
        parent_id -> Nullable<BigInt>,
        code -> Text,
        name -> Text,
        details -> Text,
        version -> BigInt,
        retired_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    device_token (kiosk_id) {
        kiosk_id -> BigInt,
        token_hash -> Binary,
        issued_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
        last_seen_at -> Nullable<BigInt>,
        heard_at -> Nullable<BigInt>,
        clock_skew_ms -> Nullable<BigInt>,
        n_waiting -> Nullable<BigInt>,
    }
}

diesel::table! {
    account (id) {
        id -> BigInt,
        username -> Text,
        name -> Text,
        email -> Nullable<Text>,
        password_hash -> Text,
        totp_secret -> Nullable<Text>,
        totp_last_step -> Nullable<BigInt>,
        token_version -> BigInt,
        version -> BigInt,
        created_at -> BigInt,
        disabled_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    role_grant (id) {
        id -> BigInt,
        account_id -> BigInt,
        role -> Text,
        node_id -> BigInt,
        unit_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    session (id) {
        id -> Text,
        account_id -> BigInt,
        refresh_hash -> Binary,
        place -> Nullable<Text>,
        created_at -> BigInt,
        used_at -> BigInt,
        expires_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    failed_attempt (scope, subject) {
        scope -> Text,
        subject -> Text,
        n_failed -> BigInt,
        window_started_at -> BigInt,
        blocked_until -> BigInt,
    }
}

diesel::table! {
    day_counter (node_id, day) {
        node_id -> BigInt,
        day -> Text,
        last_number -> BigInt,
    }
}

diesel::table! {
    ticket (id) {
        id -> BigInt,
        number -> Text,
        node_id -> BigInt,
        handling_node_id -> BigInt,
        position -> BigInt,
        version -> BigInt,
        status -> Text,
        cycle -> BigInt,
        kind -> Text,
        source -> Text,
        priority -> Nullable<Text>,
        category_id -> Nullable<BigInt>,
        building -> Nullable<Text>,
        channel -> Text,
        unit_id -> Nullable<BigInt>,
        assignee_id -> Nullable<BigInt>,
        answerable_unit_id -> Nullable<BigInt>,
        about_unit_id -> Nullable<BigInt>,
        mailbox_id -> Nullable<BigInt>,
        designated -> Bool,
        returned_in_cycle -> Bool,
        sealed -> Bool,
        suspected_emergency -> Bool,
        may_publish -> Bool,
        published -> Bool,
        attachments_expected -> BigInt,
        receipt_issue -> BigInt,
        n_urges -> BigInt,
        merged_into_id -> Nullable<BigInt>,
        status_before -> Nullable<Text>,
        waiting_for -> Nullable<Text>,
        outcome -> Nullable<Text>,
        resolved_by_id -> Nullable<BigInt>,
        rating_solved -> Nullable<Bool>,
        rating_satisfaction -> Nullable<BigInt>,
        rating_cycle -> Nullable<BigInt>,
        received_at -> BigInt,
        registered_at -> BigInt,
        accepted_at -> Nullable<BigInt>,
        assigned_at -> Nullable<BigInt>,
        acknowledged_at -> Nullable<BigInt>,
        resolved_at -> Nullable<BigInt>,
        replied_at -> Nullable<BigInt>,
        closed_at -> Nullable<BigInt>,
        timer_at -> Nullable<BigInt>,
        due_at -> Nullable<BigInt>,
        updated_at -> BigInt,
        next_alarm_at -> Nullable<BigInt>,
        rules -> Nullable<Text>,
        collection_id -> Nullable<BigInt>,
        letter_id -> Nullable<BigInt>,
        slip -> Nullable<Text>,
        erased_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    ticket_supporting (ticket_id, unit_id) {
        ticket_id -> BigInt,
        unit_id -> BigInt,
    }
}

diesel::table! {
    reply (ticket_id, id) {
        ticket_id -> BigInt,
        id -> BigInt,
        cycle -> BigInt,
        channel -> Text,
        delivery -> Text,
        written_by_id -> Nullable<BigInt>,
        written_at -> BigInt,
        settled_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    outbox (id) {
        id -> BigInt,
        ticket_id -> BigInt,
        reply_id -> BigInt,
        channel -> Text,
        message_id -> Text,
        state -> Text,
        n_attempts -> BigInt,
        next_attempt_at -> BigInt,
        leased_until -> Nullable<BigInt>,
        last_error -> Nullable<Text>,
        created_at -> BigInt,
        settled_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    event (id) {
        id -> BigInt,
        stream -> Text,
        stream_id -> BigInt,
        seq -> BigInt,
        #[sql_name = "type"]
        kind -> Text,
        at -> BigInt,
        actor_kind -> Text,
        actor_id -> Nullable<BigInt>,
        actor_name -> Nullable<Text>,
        place -> Nullable<Text>,
        data -> Text,
        prev_hash -> Binary,
        hash -> Binary,
    }
}

diesel::table! {
    event_head (stream, stream_id) {
        stream -> Text,
        stream_id -> BigInt,
        seq -> BigInt,
        hash -> Binary,
        seal -> Binary,
        key_id -> Text,
    }
}

diesel::table! {
    event_text (ticket_id, seq, name) {
        ticket_id -> BigInt,
        seq -> BigInt,
        name -> Text,
        salt -> Binary,
        body -> Text,
    }
}

diesel::table! {
    phone_index (ticket_id) {
        ticket_id -> BigInt,
        phone_hmac -> Binary,
    }
}

diesel::table! {
    idempotency (scope, key_hash) {
        scope -> Text,
        key_hash -> Binary,
        fingerprint -> Binary,
        ticket_id -> BigInt,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    contact_view_count (account_id, day) {
        account_id -> BigInt,
        day -> Text,
        n_views -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(ticket, statistics_ticket);
diesel::allow_tables_to_appear_in_same_query!(event_text, statistics_ticket);
diesel::allow_tables_to_appear_in_same_query!(event, statistics_pending);

diesel::allow_tables_to_appear_in_same_query!(
    node,
    setup_entry,
    device_token,
    attachment,
    notice,
    message,
    account,
    role_grant,
    session,
    failed_attempt,
    day_counter,
    collection,
    collection_attachment,
    collection_letter,
    collection_text,
    collection_key,
    due_opening,
    mailbox_watch,
    slip_batch,
    ticket,
    ticket_supporting,
    extension,
    reply,
    outbox,
    event,
    event_head,
    event_text,
    phone_index,
    idempotency,
    contact_view_count,
);
