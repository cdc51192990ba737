"""Verbs that only a server can carry out; without one they say so."""

from __future__ import annotations

from typing import Final

NEEDS_SERVER: Final = frozenset(
    {
        "create_artifact",
        "create_automation",
        "create_block_document",
        "create_block_schema",
        "create_block_type",
        "create_deployment",
        "create_deployment_branch",
        "create_flow",
        "create_flow_from_name",
        "create_logs",
        "create_task_run",
        "delete_automation",
        "delete_block_document",
        "delete_block_type",
        "delete_flow",
        "delete_task_run",
        "delete_work_queue_by_id",
        "get_runs_in_work_queue",
        "get_scheduled_flow_runs_for_deployments",
        "get_scheduled_flow_runs_for_work_pool",
        "increment_concurrency_slots",
        "match_work_queues",
        "pause_automation",
        "read_automation",
        "read_automations",
        "read_automations_by_name",
        "read_block_document",
        "read_block_document_by_name",
        "read_block_documents",
        "read_block_schemas",
        "read_block_type_by_slug",
        "read_block_types",
        "read_events_page",
        "read_work_pool_concurrency_status",
        "read_work_queue_by_name",
        "read_workers_for_work_pool",
        "release_concurrency_slots",
        "resume_automation",
        "send_worker_heartbeat",
        "set_task_run_name",
        "update_artifact",
        "update_automation",
        "update_block_document",
        "update_block_type",
    }
)
