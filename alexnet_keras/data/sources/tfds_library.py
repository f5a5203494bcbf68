"""Find a data set of TensorFlow Datasets, and whether it can be downloaded, without importing TensorFlow."""

import logging
import os
import re
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from alexnet_keras.config.training import IMAGENET, SHAPES, DataSource
from alexnet_keras.system.errors import InputError, OptionError

CONNECTION_SECONDS = 5  # until a server must have answered
MAX_SERVERS = 8  # of a data set, asked at the same time; old configurations may name servers that are gone


def tfds(source: DataSource) -> Any:
    """The library, which takes a second to import."""
    messages = logging.getLogger("absl")
    messages.setLevel(logging.CRITICAL)  # it logs the traceback of its own failure to import, and hides the exception
    import tensorflow_datasets

    if not hasattr(tensorflow_datasets, "builder"):
        raise InputError(
            f"The data set {source.name} is no folder, and TensorFlow Datasets cannot be imported, probably because "
            "of protobuf; run: pip install 'tensorflow-metadata<1.18'."
        )
    messages.setLevel(logging.ERROR)  # it warns of every folder where a build might be and is not

    return tensorflow_datasets


def find_builder(source: DataSource) -> Any:
    library = tfds(source)
    try:
        if source.name.startswith("huggingface:"):  # which TFDS forwards to other packages
            raise library.core.DatasetNotFoundError
        return library.builder(source.name, data_dir=source.data_dir)
    except Exception as error:  # of every kind: of the name, the version, the configuration, or a missing package
        names = library.list_builders(with_community_datasets=False)
        if isinstance(error, library.core.DatasetNotFoundError) or re.split("[/:]", source.name)[0] not in names:
            raise OptionError(
                f"The data set {source.name}: no such folder, and no such data set in TensorFlow Datasets; "
                "give 'shapes', 'imagenet', a folder of images, a table (.csv), or the name of a TFDS data set."
            ) from error
        raise OptionError(
            f"The data set {source.name} cannot be opened; check its version and its configuration. TensorFlow "
            f"Datasets says: {first_line(error)}"
        ) from error


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def data_folder(source: DataSource) -> Path:
    """Return the folder of built data sets: `data_dir` of the source, TFDS_DATA_DIR, or the default of TFDS."""
    default = tfds(source).core.constants.DATA_DIR
    return Path(os.path.expanduser(source.data_dir or os.environ.get("TFDS_DATA_DIR") or default))


def prepared_folder(source: DataSource) -> Path:
    """Return the folder for the shards of a data set that is too large for memory."""
    return data_folder(source) / f"{source.name.replace('/', '-').replace(':', '-')}-{source.stored_size}"


def check_available(source: DataSource) -> None:
    """Refuse a name of TFDS that is unknown or cannot be downloaded before TensorFlow is imported, for seconds."""
    path = Path(os.path.expanduser(source.name))
    if source.name in (SHAPES, IMAGENET) or path.exists() or path.suffix or prepared_folder(source).exists():
        return
    builder = find_builder(source)
    if not builder.is_prepared():
        check_connection(builder, source)


def check_connection(builder: Any, source: DataSource) -> None:
    """Check that one of the servers of a data set answers, because TFDS retries for minutes and ignores Ctrl-C then."""
    import requests  # TFDS downloads with it

    urls = {urllib.parse.urlsplit(url).netloc: url for url in builder.url_infos or () if url.startswith("http")}
    downloads = data_folder(source) / "downloads"
    if not urls or builder.MANUAL_DOWNLOAD_INSTRUCTIONS or any(path.name != "manual" for path in downloads.glob("*")):
        return  # TFDS may need no connection

    def answers(url: str) -> bool:
        try:
            requests.head(url, timeout=CONNECTION_SECONDS)
        except requests.ConnectionError:  # also if the name of the server is unknown
            return False
        except requests.RequestException:
            pass  # the server answers, and TFDS handles its errors
        return True

    servers = list(urls)[:MAX_SERVERS]
    with ThreadPoolExecutor(len(servers)) as pool:
        if not any(pool.map(answers, (urls[server] for server in servers))):
            raise InputError(
                f"The data set {source.name} is not in {data_folder(source)}, and {servers[0]} cannot be reached "
                "to download it; check the network connection, or name the folder of a built data set by `data_dir`."
            )
