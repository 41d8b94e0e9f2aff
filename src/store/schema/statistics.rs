//! The roll-ups of figures.

diesel::table! {
    statistics_pending (event_id) {
        event_id -> BigInt,
        ticket_id -> BigInt,
    }
}

diesel::table! {
    statistics_follower (id) {
        id -> BigInt,
        definitions -> BigInt,
        position -> BigInt,
        followed_at -> BigInt,
    }
}

diesel::table! {
    statistics_ticket (ticket_id) {
        ticket_id -> BigInt,
        seq -> BigInt,
        node_id -> BigInt,
        sealed_node_id -> BigInt,
        received_at -> BigInt,
        is_open -> Bool,
        due_at -> Nullable<BigInt>,
        unit -> Text,
        category -> Text,
        source -> Text,
        mailbox -> Text,
        building -> Text,
        priority -> Text,
        kind -> Text,
        numerators -> BigInt,
        denominators -> BigInt,
        missed -> BigInt,
        excluded -> BigInt,
        done -> Text,
        hints -> BigInt,
        counts -> Binary,
        times -> Binary,
    }
}

diesel::table! {
    statistics_count (key) {
        key -> Text,
        node_id -> BigInt,
        sealed_node_id -> BigInt,
        dimension -> Text,
        period -> BigInt,
        value -> Text,
        sums -> Binary,
    }
}

diesel::table! {
    statistics_time (key) {
        key -> Text,
        node_id -> BigInt,
        sealed_node_id -> BigInt,
        dimension -> Text,
        period -> BigInt,
        value -> Text,
        sums -> Binary,
    }
}
