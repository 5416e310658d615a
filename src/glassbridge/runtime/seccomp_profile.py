"""What a container may not ask of the kernel, why, and which capability lifts the ban.

Docker's documented list (docs.docker.com/engine/security/seccomp, "Significant syscalls blocked
by the default profile"), with the mount calls, quotas and kin that have come since.
"""

from typing import NamedTuple


class Ban(NamedTuple):
    """System calls that fail with EPERM, unless the container has the capability."""

    calls: str
    unless: str
    reason: str


BANS = (
    Ban("acct", "CAP_SYS_PACCT", "could switch off process accounting or fill the disk with it"),
    Ban("add_key keyctl request_key", "", "keyrings are not namespaced"),
    Ban("bpf", "CAP_SYS_ADMIN", "loads programs that stay in the kernel"),
    Ban(
        "clock_adjtime clock_adjtime64 clock_settime clock_settime64 settimeofday stime",
        "CAP_SYS_TIME",
        "time is not namespaced",
    ),
    Ban(
        "create_module delete_module finit_module get_kernel_syms init_module query_module",
        "CAP_SYS_MODULE",
        "kernel modules belong to the host",
    ),
    Ban(
        "get_mempolicy mbind move_pages set_mempolicy set_mempolicy_home_node",
        "CAP_SYS_NICE",
        "changes memory placement and NUMA settings",
    ),
    Ban("io_uring_enter io_uring_register io_uring_setup", "", "runs calls past this filter"),
    Ban("ioperm iopl", "CAP_SYS_RAWIO", "touches the host's I/O ports"),
    Ban(
        "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev",
        "CAP_SYS_PTRACE",
        "looks into other processes",
    ),
    Ban("kexec_file_load kexec_load reboot", "CAP_SYS_BOOT", "replaces or stops the kernel"),
    Ban("lookup_dcookie", "CAP_SYS_ADMIN", "traces the whole host"),
    Ban(
        "fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree umount umount2",
        "CAP_SYS_ADMIN",
        "mounts could uncover or change the host's files",
    ),
    Ban("nfsservctl", "", "talks to the kernel's NFS server"),
    Ban("open_by_handle_at", "CAP_DAC_READ_SEARCH", "opened the host's files (shocker, 2014)"),
    Ban("fanotify_init perf_event_open", "CAP_SYS_ADMIN", "watches the whole host"),
    Ban("pivot_root", "", "changes the root of every process in the mount namespace"),
    Ban("quotactl quotactl_fd", "CAP_SYS_ADMIN", "could lift quotas"),
    Ban("setdomainname sethostname", "CAP_SYS_ADMIN", "the name is the engine's to give"),
    Ban("setns", "CAP_SYS_ADMIN", "joins namespaces of others"),
    Ban("swapoff swapon", "CAP_SYS_ADMIN", "swap belongs to the host"),
    Ban("_sysctl sysfs uselib ustat", "", "obsolete"),
    Ban("syslog", "CAP_SYSLOG", "reads the kernel's log, with addresses"),
    Ban("userfaultfd", "", "pauses the kernel at will: makes its races easy to win"),
    Ban("vhangup", "CAP_SYS_TTY_CONFIG", "ends sessions on terminals"),
    Ban("vm86 vm86old", "", "rarely tested x86 virtual mode"),
)

NAMESPACE_FLAGS = 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x20000
"""CLONE_NEWCGROUP, UTS, IPC, USER, PID, NET, NS: refused to clone and unshare.

A new user namespace gives every capability inside it, hence the kernel code behind them.
"""

NEWTIME = 0x80
"""CLONE_NEWTIME is a signal number to clone, and a namespace to unshare alone."""

FOREIGN_PERSONALITIES = (*range(0x1, 0x8), *range(0x9, 0x11))
"""PER_* of linux/personality.h but PER_LINUX and PER_LINUX32: rarely tested emulations."""

AF_VSOCK = 40
"""No namespace holds it: it reaches the hypervisor's other side."""
