"""Which files a projector configuration may name. It comes with the logs, so anybody may have written it."""

import os


def asset_below(path: str, config_path: str) -> str:
    """Where a projector configuration's file is. Raises ValueError unless it is below the configuration's folder.

    Goes by names, where TensorBoard's own follows symlinks: in a mirror of a local folder the files are symlinks, which
    the mirror has checked, and nobody else writes there.
    """
    folder = os.path.dirname(os.path.abspath(config_path))  # noqa: PTH100, PTH120 - must not follow symlinks
    asset = os.path.normpath(os.path.join(folder, path))  # noqa: PTH118 - likewise
    if os.path.commonpath([folder, asset]) != folder:
        raise ValueError(f'Asset path "{path}" is outside the folder of its configuration')
    return asset
