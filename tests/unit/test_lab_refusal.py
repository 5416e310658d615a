"""A refused lab is explained by the setting that forbids it, wherever there is one."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from glassbridge.app.lab_refusal import forbidding_settings, refusal

EPERM = OSError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces="),
        ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor profile"),
    ],
)
def test_setting_is_blamed_with_its_cure(tmp_path: Path, name: str, value: str, cure: str) -> None:
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(f"{value}\n")
    error = refusal("create a user namespace", EPERM, forbidding_settings(tmp_path))
    said = f"Operation not permitted ({name.replace('/', '.')} is {value})"
    assert error.message == f"the kernel refused to create a user namespace: {said}"
    assert cure in error.hint


def test_permissive_settings_are_not_blamed(tmp_path: Path) -> None:
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel/unprivileged_userns_clone").write_text("1\n")
    (tmp_path / "kernel/apparmor_restrict_unprivileged_userns").write_text("0\n")
    assert forbidding_settings(tmp_path) == ()


@pytest.mark.parametrize(
    ("code", "hint"), [(errno.EINVAL, "CONFIG_USER_NS"), (errno.EUSERS, "nested too deeply")]
)
def test_error_itself_may_tell(code: int, hint: str) -> None:
    assert hint in refusal("x", OSError(code, os.strerror(code)), ()).hint
