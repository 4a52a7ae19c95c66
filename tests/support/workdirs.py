"""Small synthetic workdirs: evaluated and explained runs without any training."""

from types import SimpleNamespace

import numpy as np

from data_prep import sources
from dirvae import latents, model
from dirvae.explain import gallery
from dirvae.explain.gallery import Cases
from dirvae.labels import FINDINGS
from dirvae.training import data, evaluate, latent_usage, workdir
from support.settings import plain

SIDE, STEPS = 16, 5
STATES = ("positive", "negative", "uncertain", "blank")


def make(folder, labels, splits=("validation", "test"), seed=0, images=60, baseline=True, curves=True, **fields):
    """A workdir up to its metrics.json; scores are those of random probabilities that lean towards the truth."""
    config = plain({"image_size": SIDE, "widths": "4,4", "hidden": 8, "latents": 6, "replicates": 20} | fields)
    workdir.claim(folder, config)
    names = ("train", *splits)
    manifest = {
        "splits": {name: held(images, labels) for name in names},
        "skipped": [],
        "content_hash": "0123456789abcdef0123",
        "options": {"folder": "hospital <A>"},
    }
    source = sources.named(config.data.dataset)
    named = {"title": source.title(config.data, manifest), "origin": source.origin(config.data, manifest)}
    facts = {"labels": labels, "manifest": manifest, "positive_weight": None} | named
    workdir.write_json(folder / "data.json", facts)
    metrics = {"timing": {"best_step": 20}}
    for name in splits:
        predictions = predict(config, labels, images, seed)
        linear = np.random.default_rng(7).random(predictions.target.shape).astype(np.float32) if baseline else None
        table = SimpleNamespace(path=np.asarray([f"{name}/{i}.png" for i in range(images)]))
        examples = data.Examples(SimpleNamespace(table=table), labels, predictions.target, predictions.weight)
        evaluate.save(folder, name, predictions, linear, examples)
        metrics[name] = evaluate.score(labels, config, predictions, linear)
        metrics["latent"] = latent_scores(config, predictions)
        net = model.build(config.model, len(labels), SIDE)
        latent_usage.save(folder, latent_usage.of_run(net, config, {}, on_simplexes(config, predictions)))
    workdir.write_json(folder / "metrics.json", metrics)
    if curves:
        (folder / "metrics.jsonl").write_text(CURVES)
    return config


CURVES = """\
{"step": 1, "split": "train", "loss": 90.0, "reconstruction": 50.0, "kl": 1.0, "classification": 2.0, "beta": 0.0}
{"step": 20, "split": "train", "loss": 40.0, "reconstruction": 10.0, "kl": 5.0, "classification": 1.0, "beta": 1.0}
{"step": 20, "split": "validation", "auroc": null, "auprc": 0.3, "elbo": -20.0, "nll": 15.0, "kl": 5.0, "l1": 0.1}
"""


def held(images, labels):
    """A split's entry in a manifest."""
    counts = {finding: dict(zip(STATES, (9, 40, 4, 7), strict=True)) for finding in FINDINGS}
    return {
        "images": images,
        "patients": images // 2,
        "studies": images,
        "boxes": 0,
        "sha256": "ab",
        "labels": counts,
        "views": {"AP": images // 2, "PA": images // 2},
        "sexes": {"female": images},
        "age_quartiles": None,
    }


def predict(config, labels, images, seed):
    """Targets depend on the images alone, probabilities on the run's seed too; the last of three labels has no positive."""
    truth, noise = np.random.default_rng(1), np.random.default_rng(seed)
    target = (truth.random((images, len(labels))) < 0.4).astype(np.float32)
    if len(labels) > 2:
        target[:, -1] = 0.0
    draw = lambda: noise.normal(size=images).astype(np.float32)  # noqa: E731
    spec = latents.build(config.model).spec
    channels = int(np.prod(spec.grid or (1,))) * spec.channels
    return evaluate.Predictions(
        target=target,
        weight=(truth.random(target.shape) < 0.9).astype(np.float32),
        patient=np.asarray([f"p{i // 2}" for i in range(images)]),
        probability=(0.3 * target + 0.7 * noise.random(target.shape)).astype(np.float32),
        nll=100 + draw(),
        kl=10 + draw(),
        l1=0.1 + 0.01 * draw(),
        psnr=20 + draw(),
        ssim=0.8 + 0.01 * draw(),
        decoder_mean=noise.random((images, channels)).astype(np.float32) + 0.1,
        head_mean=noise.normal(size=(images, channels)).astype(np.float32),
        decoder_draw=noise.random((images, channels)).astype(np.float32) + 0.1,
        head_draw=noise.normal(size=(images, channels)).astype(np.float32),
    )


def latent_scores(config, predictions):
    """By the library's own function, with a random decoder kernel."""
    kernel = np.random.default_rng(0).normal(size=(predictions.decoder_mean.shape[1], 8))
    net = model.build(config.model, predictions.target.shape[1], SIDE)
    params = {"decoder": {"entrance": {"kernel": kernel}}}
    return evaluate.latent_scores(net, config, params, on_simplexes(config, predictions))


def on_simplexes(config, predictions):
    """The predictions with what the decoder reads brought onto simplexes."""
    closed = {}
    for name in ("decoder_mean", "decoder_draw"):
        z = getattr(predictions, name).reshape(len(predictions.target), -1, config.model.latents)
        closed[name] = (config.model.latents * z / z.sum(axis=-1, keepdims=True)).reshape(len(z), -1)
    return predictions._replace(**closed)


def explain(folder, labels, exact, count=1):
    """Cases of every label but the last, and draws from the prior."""
    rng = np.random.default_rng(3)
    for finding in labels[: max(1, len(labels) - 1)]:
        gallery.save(folder / "cases", finding, random_cases(rng, len(labels), count, exact))
    workdir.write_arrays(folder / "cases" / "prior.npz", {"image": rng.random((16, SIDE, SIDE, 1))})


def random_cases(rng, labels, count, exact):
    draw = lambda *shape: rng.random(shape).astype(np.float32)  # noqa: E731
    path = draw(count, STEPS, SIDE, SIDE, 1)
    return Cases(
        index=np.arange(count, dtype=np.int32),
        image=draw(count, SIDE, SIDE, 1),
        reconstruction=path[:, 0],
        on_image=draw(count, STEPS, SIDE, SIDE, 1),
        reread=draw(count, STEPS, labels),
        path=path,
        probability=draw(count, STEPS, labels),
        distance=np.cumsum(draw(count, STEPS), axis=1),
        released=draw(count, STEPS, SIDE, SIDE, 1),
        released_reread=draw(count, STEPS, labels),
        difference=path[:, 0] - path[:, -1],
        effect=draw(count if exact else 0, SIDE, SIDE) - 0.5,
        boxes=np.asarray([[[0.1, 0.2, 0.5, 0.6], [np.nan] * 4]] * count, np.float32),
    )
