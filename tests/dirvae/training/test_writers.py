"""metrics.jsonl and event files: what is written can be read, also after a kill."""

import struct

from tensorboardX.proto.event_pb2 import Event

from dirvae.training.writers import MetricWriter, read_metrics


def events(folder):
    """(tag, step, value) of every scalar in a folder's event files; a record is length, checksum, bytes, checksum."""
    found = []
    for path in sorted(folder.glob("events.*")):
        data, position = path.read_bytes(), 0
        while position < len(data):
            (length,) = struct.unpack_from("<Q", data, position)
            event = Event.FromString(data[position + 12 : position + 12 + length])
            found += [(value.tag, event.step, round(value.simple_value, 6)) for value in event.summary.value]
            position += 16 + length
    return found


def test_rows_and_events(tmp_path):
    writer = MetricWriter(tmp_path)
    writer.write(1, "train", {"loss": 0.5, "kl": 2})
    writer.write(1, "validation", {"auroc": 0.75})
    writer.close()
    assert read_metrics(tmp_path) == [
        {"step": 1, "split": "train", "loss": 0.5, "kl": 2.0},
        {"step": 1, "split": "validation", "auroc": 0.75},
    ]
    assert events(tmp_path / "tensorboard") == [
        ("train/loss", 1, 0.5),
        ("train/kl", 1, 2.0),
        ("validation/auroc", 1, 0.75),
    ]


def test_rows_are_on_disk_at_once(tmp_path):
    writer = MetricWriter(tmp_path)
    writer.write(1, "train", {"loss": 0.5})
    assert len(read_metrics(tmp_path)) == 1
    writer.close()


def test_what_is_not_finite_is_null(tmp_path):
    writer = MetricWriter(tmp_path)
    writer.write(1, "train", {"auroc": float("nan"), "loss": float("inf")})
    writer.close()
    assert read_metrics(tmp_path) == [{"step": 1, "split": "train", "auroc": None, "loss": None}]
    assert "NaN" not in (tmp_path / "metrics.jsonl").read_text()


def test_a_resumed_run_drops_what_came_after_its_checkpoint(tmp_path):
    writer = MetricWriter(tmp_path)
    for step in range(1, 6):
        writer.write(step, "train", {"loss": step})
    writer.close()
    resumed = MetricWriter(tmp_path, resume_step=3)
    resumed.write(4, "train", {"loss": 40})
    resumed.close()
    assert [(row["step"], row["loss"]) for row in read_metrics(tmp_path)] == [(1, 1), (2, 2), (3, 3), (4, 40)]


def test_a_line_cut_by_a_kill_is_ignored(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "split": "train", "loss": 1.0}\n{"step": 2, "spl')
    assert [row["step"] for row in read_metrics(tmp_path)] == [1]
    MetricWriter(tmp_path, resume_step=1).close()
    assert (tmp_path / "metrics.jsonl").read_text().count("\n") == 1


def test_no_metrics_yet(tmp_path):
    assert read_metrics(tmp_path) == []
