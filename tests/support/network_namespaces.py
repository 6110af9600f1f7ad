"""Whether network namespaces of one's own can be made and entered here."""
import os
import shutil
import subprocess


def reason_against():
    """Returns why not, as words that follow "skipped:", or None. Leaves nothing behind.

    Making one is not enough: to enter it `ip` changes how mounts spread from /, which fails where / is no mount
    point of its own, as in a plain chroot.
    """
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "network namespaces need ip (see deploy/packages-debian-tests.txt)"
    probe = f"gnprobe{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True).returncode != 0:
        return "network namespaces cannot be made here"
    entered = subprocess.run(["ip", "netns", "exec", probe, "true"], capture_output=True).returncode == 0
    subprocess.run(["ip", "netns", "delete", probe], capture_output=True)
    return None if entered else "network namespaces cannot be entered here (in a chroot / must be a mount point)"
