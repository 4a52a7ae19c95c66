"""The build of a data set as an Apache Beam pipeline, for sets of many millions of images on a cluster.

    python -m data_prep.beam --dataset=nih --raw_dir=gs://B/nih --data_dir=gs://B/data --beam_options="--runner=DataflowRunner ..."

It needs the extra `beam`. The plan is made once, where the command runs; each of its shards is one element of the pipeline. Shards,
their notes, metadata and manifest are byte for byte those of `data_prep.build`, and a pipeline that ended early is gone on from its
finished shards. raw_dir and data_dir must be places that every worker sees: addresses, or folders on a shared disk.

| runner | beam_options |
|---|---|
| this machine | --runner=DirectRunner --direct_running_mode=multi_processing --direct_num_workers=0 |
| Dataflow | --runner=DataflowRunner --project=P --region=R --temp_location=gs://B/tmp --sdk_container_image=IMAGE |
| Flink | --runner=FlinkRunner --flink_master=HOST:8081 --environment_type=DOCKER --environment_config=IMAGE |
| Spark | --runner=SparkRunner --job_endpoint=HOST:8099 --environment_type=DOCKER --environment_config=IMAGE |

IMAGE is apache/beam_python3.11_sdk:2.77.0 with this project installed. Only the first runner has been run with this code.
"""

import argparse
import functools
import pickle
import shutil
import tempfile
from pathlib import Path
from typing import Any

from data_prep import build, manifest, provenance, shards, sources, stores
from data_prep.progress import Progress, silent
from data_prep.shards import Job, Shard
from data_prep.source import Source, SourceError
from dirvae.config import ConfigError, DataConfig, command_line, override, validate_data
from dirvae.config.command_line import CONSOLE, Parser
from dirvae.config.places import url_of

TASKS = "tasks"


def build_with_beam(
    source: Source,
    data_dir: Path,
    options: list[str],
    max_skipped_percent: float = 1.0,
    progress: Progress = silent,
    check_files: bool = True,
) -> Path:
    """Builds `source` below `data_dir`, as `data_prep.build.build` does, with the runner that Beam's options name.

    Raises:
      ConfigError: where Beam is not installed.
      SourceError: as `data_prep.build.build` does, or where the pipeline fails.
    """
    beam, url = _beam(), url_of(data_dir)
    if url:
        build.fetch(source, data_dir, progress, check_files)
    directory = Path(data_dir) / provenance.settle(source, data_dir, progress, check_files) / source.version
    address = f"{url}/{directory.parent.name}/{directory.name}" if url else ""
    if (directory / manifest.FILE).exists():
        return directory
    (directory / shards.NOTES).mkdir(parents=True, exist_ok=True)
    jobs = shards.plan(source, directory, directory.parent.name)
    waiting = [job for job in jobs if _finished(job, address) is None]
    progress(f"data: {len(waiting)} of {len(jobs)} shards are left to a pipeline of Apache Beam")
    _run(beam, [_stage(source, job, directory, address) for job in waiting], address, options)
    written = [shard for job in jobs if (shard := _finished(job, address, skipped=True)) is not None]
    _check(source, jobs, written, max_skipped_percent)
    build.finish(source, directory, jobs, written, progress)
    shutil.rmtree(directory / TASKS, ignore_errors=True)
    if address:
        stores.upload(directory, address, manifest.FILE)
        stores.remove(address, (shards.NOTES, TASKS))
        build.fetch(source, data_dir, progress, check_files)
    return directory


def _beam() -> Any:
    try:
        import apache_beam
    except ImportError:
        raise ConfigError("a pipeline needs Apache Beam: pip install -e '.[beam]'") from None
    return apache_beam


def _finished(job: Job, address: str, skipped: bool = False) -> Shard | None:
    """The shard of an earlier run; with `skipped`, also one from which images were left out."""
    if address:
        stores.fetch(f"{address}/{shards.NOTES}/{job.note.name}", job.note)
    return shards.read_shard(job, skipped=skipped, stored=not address)


def _stage(source: Source, job: Job, directory: Path, address: str) -> str:
    """Leaves a shard's task where the workers find it, so that the pipeline's graph stays small; its path or address."""
    place = directory / TASKS / f"{job.path.name}.pickle"
    content = pickle.dumps((job, *shards.work(source, job)))
    if address:
        stores.put(f"{address}/{TASKS}/{place.name}", content)
        return f"{address}/{TASKS}/{place.name}"
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(content)
    return str(place)


def _run(beam: Any, tasks: list[str], address: str, options: list[str]) -> None:
    """Runs the pipeline that writes the shards of some tasks."""
    if not tasks:
        return
    from apache_beam.options.pipeline_options import PipelineOptions

    try:
        with beam.Pipeline(options=PipelineOptions(options)) as pipeline:
            (
                pipeline
                | "Tasks" >> beam.Create(tasks, reshuffle=True)
                | "Write shards" >> beam.Map(functools.partial(write, address=address))
            )
    except Exception as error:  # every runner has exceptions of its own
        lines = [line for line in str(error).splitlines() if line.strip()]
        reason = lines[-1].strip()[:300] if lines else type(error).__name__
        raise SourceError(
            f"the pipeline failed ({reason}); the same command goes on from the finished shards"
        ) from None


def write(task: str, address: str) -> str:
    """What a worker does: reads one task, and leaves its shard and note in the data set's folder or at its address."""
    job, read, shape = pickle.loads(stores.get(task))
    if not address:
        job.path.parent.mkdir(parents=True, exist_ok=True)
        shards.write(job, read, shape)
        return job.path.name
    with tempfile.TemporaryDirectory() as folder:
        here = job._replace(path=Path(folder) / job.path.name)
        shards.write(here, read, shape)
        stores.upload(Path(folder), address, here.note.name)
    return job.path.name


def _check(source: Source, jobs: list[Job], written: list[Shard], limit: float) -> None:
    if len(written) < len(jobs):
        raise SourceError(f"the pipeline left {len(jobs) - len(written)} of {len(jobs)} shards unwritten; run it again")
    skipped = [item for shard in written for item in shard.skipped]
    shards.check_skipped(skipped, sum(source.counts().values()), limit)


def parser() -> Parser:
    flags = build.parser("data_prep.beam", __doc__ or "")
    flags.add_argument(
        "--beam_options", default="--runner=DirectRunner", help="options of Beam and its runner, separated by blanks"
    )
    return flags


def run(flags: argparse.Namespace) -> None:
    """Builds what the flags ask for, and prints what `data_prep.build` prints."""
    data = validate_data(override(DataConfig(dataset=flags.dataset), flags.fields))
    if flags.split:
        raise ConfigError("a pipeline builds whole data sets; make one split by python -m data_prep.build --split")
    source = sources.open_source(data, flags.raw_dir)
    options, limit = flags.beam_options.split(), data.max_skipped_percent
    built = build_with_beam(source, flags.data_dir, options, limit, CONSOLE.progress, data.check_files)
    build.tell(built)


def main(arguments: list[str] | None = None) -> None:
    command_line.main(parser(), run, arguments, "finished shards are kept, and the same command goes on from there")


if __name__ == "__main__":
    main()
