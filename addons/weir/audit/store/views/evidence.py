"""What an auditor and a data protection officer ask of the store: who read, what was erased, what is kept of whom."""

from __future__ import annotations

from weir.audit.store.views.shape import Macro, Param, View

__all__ = ["MACROS", "VIEWS"]

VIEWS: tuple[View, ...] = (
    View(
        "disclosures",
        "Who read texts that were kept, when, of which exchange and why; outcome says whether they could be opened.",
        """
        SELECT ts, extra->>'$.by' AS read_by, reason, extra->>'$.outcome' AS outcome, exchange_id,
            try_cast(extra->>'$.event' AS UUID) AS read_event_id, event_id
        FROM events WHERE kind = 'disclosure' ORDER BY ts DESC, event_id""",
    ),
    View(
        "erasures",
        "Whose texts were erased, when and why; the subject's digest stays the same when it is erased again.",
        """
        SELECT ts, extra->>'$.of' AS of, coalesce("user", conversation_id) AS name, extra->>'$.subject' AS subject,
            (extra->>'$.keys')::BIGINT AS keys, reason, event_id
        FROM events WHERE kind = 'erasure' ORDER BY ts DESC, event_id""",
    ),
    View(
        "retentions",
        "What was taken away because its time was over: records, texts, segments; extra says how much and until when.",
        """
        SELECT ts, reason, extra, proxy_id, boot_id, seq, event_id
        FROM events WHERE kind = 'retention' ORDER BY ts DESC, event_id""",
    ),
)

_SUBJECT_RECORDS = Macro(
    "subject_records",
    "All that is kept about a user: each record, finding and tool call as JSON, in the order of time.",
    """
    WITH own AS (SELECT * FROM events WHERE "user" = (who)::VARCHAR)
    SELECT ts, seq, 'events' AS kept_in, kind, event_id, exchange_id,
        json_merge_patch('{}', to_json(own)) AS record
    FROM own
    UNION ALL
    SELECT f.ts, f.seq, 'findings', o.kind, f.event_id, f.exchange_id, json_merge_patch('{}', to_json(f))
    FROM findings f JOIN own o USING (event_id)
    UNION ALL
    SELECT t.ts, t.seq, 'tool_calls', o.kind, t.event_id, t.exchange_id, json_merge_patch('{}', to_json(t))
    FROM tool_calls t JOIN own o USING (event_id)
    ORDER BY ts, seq, kept_in""",
    "FROM subject_records('anna')",
    (Param("who", sample="'anna'"),),
)

MACROS: tuple[Macro, ...] = (_SUBJECT_RECORDS,)
