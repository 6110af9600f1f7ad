#!/usr/bin/env python3
"""Runs a program on what looks like a kernel with neither seccomp nor Landlock, or a container that lets through neither.

    tests/integration/unsupported.py PROGRAM [ARGUMENT...]
"""
import ctypes
import errno
import os
import platform
import struct
import sys

# By machine: seccomp, prctl. landlock_create_ruleset has one number everywhere.
CALLS = {"x86_64": (317, 157), "aarch64": (277, 167)}
LANDLOCK_CREATE_RULESET = 444
PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38
LOAD, EQUALS, RETURN = 0x20, 0x15, 0x06  # linux/filter.h
ALLOW, REFUSE = 0x7FFF0000, 0x00050000   # linux/seccomp.h


def program():
    seccomp, prctl = CALLS[platform.machine()]
    return [
        (LOAD, 0, 0, 0),                             # the call's number
        (EQUALS, 5, 0, seccomp),
        (EQUALS, 4, 0, LANDLOCK_CREATE_RULESET),
        (EQUALS, 0, 2, prctl),
        (LOAD, 0, 0, 16),                            # its first argument
        (EQUALS, 2, 0, PR_SET_SECCOMP),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, REFUSE | errno.ENOSYS),
        (RETURN, 0, 0, REFUSE | errno.EINVAL),
    ]


def main():
    if platform.machine() not in CALLS:
        sys.exit(f"the calls of {platform.machine()} are not known here")
    steps = b"".join(struct.pack("=HBBI", *step) for step in program())
    buffer = ctypes.create_string_buffer(steps, len(steps))
    filtering = ctypes.create_string_buffer(
        struct.pack("@HP", len(steps) // 8, ctypes.addressof(buffer)))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
                      (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filtering, 0, 0)):
        if libc.prctl(*arguments) != 0:
            sys.exit(f"the filter cannot be set: {os.strerror(ctypes.get_errno())}")
    os.execv(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
