# SPDX-License-Identifier: Apache-2.0
"""The attempts to escape, by name: the body of a function that runs inside (escape_prelude.py)."""

# Files of the host, and of other runs.
FILES = {
    "read_a_file_of_the_host": "return read_secret_of_host(FACTS['host_file'])",
    "read_the_users_home": "return read_secret_of_host(FACTS['home_file'])",
    "read_etc_shadow": "return read('/etc/shadow') and 'read it'",
    "list_the_homes_of_the_host": """
        return first([lambda: 'saw ' + str(os.listdir('/root')),
                      lambda: [n for n in os.listdir('/home') if n != 'agent']])""",
    "read_another_runs_workspace": "return read_secret_of_host(FACTS['other_workspace'] + '/mark')",
    "read_another_runs_home": "return read_secret_of_host(FACTS['other_home'] + '/mark')",
    "read_the_database": "return read(FACTS['data_dir'] + '/vm0.db') and 'read it'",
    "read_the_secret_key": "return read(FACTS['data_dir'] + '/secret.key') and 'read it'",
    "read_the_admin_token": "return read(FACTS['data_dir'] + '/admin.token') and 'read it'",
    "read_the_spools_of_runs": "return os.listdir(FACTS['data_dir'] + '/runs')",
    "write_system_files": """
        return first([lambda p=p: open(p, 'w') and 'made ' + p
                      for p in ('/usr/bin/x', '/etc/x', '/x', '/bin/x', '/lib/x', '/opt/x', '/dev/x',
                                '/run/x', '/root/x', '/home/x', '/var/x')])""",
    "change_system_files": """
        return opens_for_writing('/etc/passwd', '/etc/group', '/etc/hosts', '/usr/bin/env',
                                 '/etc/ld.so.cache')""",
    "make_the_root_writable_again": """
        MS_REMOUNT, MS_BIND = 32, 4096
        return call('mount', b'none', b'/usr', b'', MS_REMOUNT | MS_BIND, 0) == 0 and 'remounted'""",
    "follow_a_symbolic_link_out": """
        os.symlink('/proc/1/root', 'root')
        os.symlink(FACTS['host_file'], 'link')
        return first([lambda: read_secret_of_host('link'),
                      lambda: read_secret_of_host('root' + FACTS['host_file'])])""",
    "make_a_hard_link_to_a_system_file": """
        os.link('/etc/passwd', 'passwd')
        return opens_for_writing('passwd')""",
    "open_a_file_by_its_handle": """
        handle = ctypes.create_string_buffer(struct.pack('IiQ', 8, 1, 2), 64)
        directory = os.open('/workspace', os.O_RDONLY)
        return call('open_by_handle_at', directory, handle, 0) and 'opened inode 2'""",
    "escape_a_chroot": """
        os.mkdir('jail')
        return call('chroot', b'jail') == 0 and 'chroot works'""",
}

# Processes: /proc of the host and of pid 1, descriptors, ptrace, signals.
PROCESSES = {
    "see_processes_of_the_host": """
        pids = [int(n) for n in os.listdir('/proc') if n.isdigit()]
        return len(pids) > 6 and f'saw {pids}'""",
    "read_the_environment_of_pid_1": "return read('/proc/1/environ') and 'read it'",
    "read_the_environment_of_any_process": """
        for pid in [n for n in os.listdir('/proc') if n.isdigit() and int(n) != os.getpid()]:
            try:
                text = read(f'/proc/{pid}/environ', 1 << 20)
            except OSError:
                continue
            if b'VM0_TEST_WORLD' in text:
                return 'the environment of the server'
        return None""",
    "learn_host_paths_from_command_lines": """
        for pid in [n for n in os.listdir('/proc') if n.isdigit() and int(n) != os.getpid()]:
            if FACTS['data_dir'].encode() in read(f'/proc/{pid}/cmdline', 1 << 20):
                return 'saw the data directory'
        return None""",
    "reach_the_host_by_the_root_of_pid_1": "return os.listdir('/proc/1/root') and 'listed it'",
    "reach_the_host_by_the_descriptors_of_pid_1": "return os.listdir('/proc/1/fd')",
    "reach_the_host_by_the_folder_of_pid_1": "return os.listdir('/proc/1/cwd')",
    "overwrite_the_program_of_pid_1": "return opens_for_writing('/proc/1/exe')",
    "read_the_program_of_pid_1": "return os.readlink('/proc/1/exe')",
    "read_the_memory_of_pid_1": "return read('/proc/1/mem', 1) or 'opened'",
    "read_the_maps_of_pid_1": "return read('/proc/1/maps')",
    "use_inherited_descriptors": """
        extra = []
        for fd in range(3, 4096):
            try:
                os.fstat(fd)
                extra.append(os.readlink(f'/proc/self/fd/{fd}'))
            except OSError:
                pass
        return extra""",
    "climb_out_by_the_standard_descriptors": """
        for fd in (0, 1, 2):
            mode = os.fstat(fd).st_mode
            if stat.S_ISDIR(mode) or stat.S_ISSOCK(mode) or (
                    stat.S_ISCHR(mode) and os.readlink(f'/proc/self/fd/{fd}') != '/dev/null'):
                return f'descriptor {fd} is {os.readlink(f"/proc/self/fd/{fd}")}'
        return None""",
    "trace_pid_1": "return call('ptrace', 16, 1, 0, 0) == 0 and 'attached'",
    "trace_a_process_of_its_own": """
        child = subprocess.Popen(['/usr/bin/sleep', '30'])
        try:
            return call('ptrace', 16, child.pid, 0, 0) == 0 and 'ptrace works'
        finally:
            child.kill()""",
    "read_memory_of_pid_1_by_process_vm": """
        buffer = ctypes.create_string_buffer(16)
        local = struct.pack('PN', ctypes.addressof(buffer), 16)
        remote = struct.pack('PN', 0x400000, 16)
        return call('process_vm_readv', 1, local, 1, remote, 1, 0) and 'read it'""",
    "steal_a_descriptor_of_pid_1": """
        return call('pidfd_getfd', call('pidfd_open', 1, 0), 0, 0) and 'stole it'""",
    "signal_a_process_of_the_host": """
        os.kill(FACTS['server_pid'], 0)
        return 'the server can be signalled'""",
    "kill_pid_1": """
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
            try:
                os.kill(1, number)
            except OSError:
                pass
        os.stat('/proc/1')
        return None""",
    "run_with_real_time_priority": """
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        return 'got it'""",
    "raise_its_own_limits": """
        import resource
        for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_CORE):
            soft, hard = resource.getrlimit(kind)
            if hard == resource.RLIM_INFINITY:
                return f'limit {kind} is infinite'
            try:
                resource.setrlimit(kind, (hard + 1, hard + 1))
            except (OSError, ValueError):
                continue
            return f'raised {kind}'
        return None""",
    "gain_rights_by_a_set_uid_program": """
        for path in ('/usr/bin/su', '/usr/bin/mount', '/usr/bin/passwd', '/usr/bin/newgrp'):
            if not os.path.exists(path) or not os.stat(path).st_mode & stat.S_ISUID:
                continue
            child = subprocess.Popen([path, '--version'], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                text = read(f'/proc/{child.pid}/status').decode()
            except OSError:
                text = ''
            child.kill()
            child.wait()
            for line in text.splitlines():
                if line.startswith('Uid:') and '0' in line.split()[1:]:
                    return path + ' runs as root'
        return None""",
    "have_capabilities": """
        for line in read('/proc/self/status').decode().splitlines():
            if line.startswith('Cap') and int(line.split()[1], 16) != 0:
                return line
        return None""",
    "be_uid_0": """
        if 0 in (os.getuid(), os.geteuid(), os.getgid(), os.getegid()) or 0 in os.getgroups():
            return 'is root'
        return first([lambda: os.setuid(0) or 'became root', lambda: os.setgid(0) or 'got gid 0',
                      lambda: os.setgroups([0]) or 'got group 0'])""",
}

# Namespaces, mounts, devices, kernel interfaces.
KERNEL = {
    "make_a_user_namespace": "return call('unshare', 0x10000000) == 0 and 'made it'",
    "make_a_mount_namespace": "return call('unshare', 0x20000) == 0 and 'made it'",
    "make_a_network_namespace": "return call('unshare', 0x40000000) == 0 and 'made it'",
    "clone_into_a_user_namespace": """
        pid = call('clone', 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        return 'cloned'""",
    "clone3_into_a_user_namespace": """
        arguments = struct.pack('8Q', 0x10000000, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
        pid = call('clone3', arguments, len(arguments))
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        return 'cloned'""",
    "enter_a_namespace_of_pid_1": """
        return first([lambda n=n: call('setns', os.open('/proc/1/ns/' + n, os.O_RDONLY), 0) == 0
                      and 'entered ' + n for n in ('mnt', 'net', 'pid', 'user', 'uts', 'ipc')])""",
    "mount_a_file_system": "return call('mount', b'x', b'/tmp', b'tmpfs', 0, 0) == 0 and 'mounted'",
    "mount_proc_anew": "return call('mount', b'x', b'/tmp', b'proc', 0, 0) == 0 and 'mounted'",
    "unmount_what_hides_the_host": """
        return first([lambda p=p: call('umount2', p, 2) == 0 and f'unmounted {p}'
                      for p in (b'/proc', b'/dev', b'/tmp', b'/workspace', b'/usr', b'/')])""",
    "change_the_root": "return call('pivot_root', b'.', b'.') == 0 and 'pivoted'",
    "use_the_new_mount_calls": """
        return first([lambda: call('open_tree', -100, b'/', 1) and 'open_tree',
                      lambda: call('fsopen', b'tmpfs', 0) and 'fsopen',
                      lambda: call('move_mount', -100, b'/tmp', -100, b'/', 0) == 0 and 'moved',
                      lambda: call('mount_setattr', -100, b'/usr', 0, bytes(32), 32) == 0 and 'set'])""",
    "make_a_device": """
        return first([lambda: os.mknod('disk', 0o600 | stat.S_IFBLK, os.makedev(254, 0)) or 'block',
                      lambda: os.mknod('mem', 0o600 | stat.S_IFCHR, os.makedev(1, 1)) or 'char'])""",
    "open_a_device_of_the_host": """
        return opens_for_writing('/dev/vda', '/dev/sda', '/dev/nvme0n1', '/dev/mem', '/dev/kmem', '/dev/port',
                                 '/dev/kvm', '/dev/kmsg', '/dev/fuse', '/dev/vsock', '/dev/net/tun',
                                 '/dev/loop-control', '/dev/vhost-vsock', '/dev/uinput')""",
    "write_kernel_settings": """
        return opens_for_writing('/proc/sys/kernel/core_pattern', '/proc/sys/kernel/modprobe',
                                 '/proc/sys/kernel/hostname', '/proc/sys/vm/overcommit_memory',
                                 '/proc/sys/fs/binfmt_misc/register', '/proc/sys/kernel/random/boot_id')""",
    "press_the_magic_key": "return opens_for_writing('/proc/sysrq-trigger')",
    "write_to_sys": """
        return opens_for_writing('/sys/power/state', '/sys/kernel/uevent_helper',
                                 '/sys/kernel/mm/transparent_hugepage/enabled')""",
    "see_control_groups": "return os.listdir('/sys/fs/cgroup') and 'listed them'",
    "read_kernel_memory": """
        return first([lambda: read('/proc/kcore', 1), lambda: read('/proc/kmsg', 1),
                      lambda: call('syslog', 3, ctypes.create_string_buffer(16), 16)])""",
    "load_a_kernel_module": """
        return first([lambda: call('init_module', b'x', 1, b'') == 0 and 'loaded',
                      lambda: call('finit_module', 0, b'', 0) == 0 and 'loaded',
                      lambda: call('kexec_load', 0, 0, 0, 0) == 0 and 'kexec'])""",
    "load_a_bpf_program": "return call('bpf', 5, bytes(128), 128) and 'loaded'",
    "watch_with_perf": "return call('perf_event_open', bytes(112), 0, -1, -1, 0) and 'opened'",
    "use_the_keyring": """
        return first([lambda: call('add_key', b'user', b'x', b'x', 1, -3) and 'added',
                      lambda: call('keyctl', 0, -3, 1) and 'keyctl'])""",
    "use_userfaultfd": "return call('userfaultfd', 1) and 'opened'",
    "use_io_uring": "return call('io_uring_setup', 1, bytes(120)) and 'set up'",
    "reboot_the_machine": "return call('reboot', 0xfee1dead, 672274793, 0, 0) == 0 and 'CAD changed'",
    "set_the_clock": """
        return first([lambda: call('settimeofday', struct.pack('2q', 1, 0), 0) == 0 and 'set',
                      lambda: call('clock_settime', 0, struct.pack('2q', 1, 0)) == 0 and 'set'])""",
    "set_the_host_name": "return call('sethostname', b'x', 1) == 0 and 'set'",
    "use_swap_and_quota": """
        return first([lambda: call('swapon', b'/x', 0) == 0 and 'swapon',
                      lambda: call('acct', 0) == 0 and 'acct',
                      lambda: call('iopl', 3) == 0 and 'iopl'])""",
    "make_a_set_uid_program": """
        open('tool', 'w').close()
        return first([lambda: os.chmod('tool', 0o4755) or 'chmod',
                      lambda: os.fchmod(os.open('tool', os.O_RDONLY), 0o2755) or 'fchmod',
                      lambda: call('fchmodat2', -100, b'tool', 0o4755, 0) == 0 and 'fchmodat2',
                      lambda: os.open('new', os.O_CREAT | os.O_WRONLY, 0o4755) and 'open',
                      lambda: os.mknod('node', 0o4755 | stat.S_IFREG) or 'mknod',
                      lambda: call('openat2', -100, b'other', struct.pack('3Q', os.O_CREAT, 0o4755, 0), 24)
                      and 'openat2']) if not any(
                          os.stat(n).st_mode & 0o6000 for n in os.listdir('.')) else 'made one'""",
    "type_into_a_terminal": """
        import fcntl
        return first([lambda fd=fd: fcntl.ioctl(fd, 0x5412, b'x') is not None and 'typed'
                      for fd in (0, 1, 2, os.open('/dev/null', os.O_RDWR))] +
                     [lambda: os.open('/dev/tty', os.O_RDWR) and 'has a terminal'])""",
    "run_code_of_another_architecture": """
        import mmap
        # mov eax, 20 (getpid of i386); int 0x80; ret
        code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        code.write(b'\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3')
        address = ctypes.addressof(ctypes.c_char.from_buffer(code))
        child = os.fork()
        if child == 0:
            pid = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
            os._exit(0 if pid == os.getpid() else 1)
        return os.waitpid(child, 0)[1] == 0 and 'int 0x80 works'""",
}

# Sockets, the network, and the proxy.
NETWORK = {
    "connect_to_a_port_of_the_host": "return connects(socket.AF_INET, ('127.0.0.1', FACTS['port']))",
    "connect_to_the_servers_port": "return connects(socket.AF_INET, ('127.0.0.1', FACTS['server_port']))",
    "connect_to_the_servers_socket": "return connects(socket.AF_UNIX, FACTS['data_dir'] + '/server.sock')",
    "connect_to_an_abstract_socket": "return connects(socket.AF_UNIX, '\\0' + FACTS['abstract'])",
    "connect_to_the_internet": """
        return first([lambda: connects(socket.AF_INET, ('192.0.2.1', 80)),
                      lambda: connects(socket.AF_INET6, ('2001:db8::1', 80))])""",
    "connect_to_the_metadata_address": "return connects(socket.AF_INET, ('169.254.169.254', 80))",
    "send_a_datagram": """
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(b'x', ('192.0.2.1', 53))
        return 'sent'""",
    "resolve_a_name": """
        socket.getaddrinfo('example.com', 80)
        return 'resolved'""",
    "open_a_vsock": "return connects(40, (2, 1024))",
    "open_a_packet_socket": "return socket.socket(17, socket.SOCK_RAW, 3)",
    "open_a_raw_socket": "return socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "open_a_crypto_socket": "return socket.socket(38, socket.SOCK_SEQPACKET)",
    "add_a_network_interface": """
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as peer:
            body = struct.pack('BxHiII', 0, 0, 0, 0, 0) + struct.pack('HH', 8, 18) + b'\\4\\0\\1\\0'
            peer.send(struct.pack('IHHII', 16 + len(body), 16, 0x605, 1, 0) + body)
            answer = peer.recv(4096)
            return struct.unpack('i', answer[16:20])[0] == 0 and 'added'""",
    "see_interfaces_of_the_host": """
        names = [name for _, name in socket.if_nameindex() if name != 'lo']
        return names""",
    "reach_another_runs_proxy": """
        lines = [line.split() for line in read('/proc/net/tcp', 1 << 20).decode().splitlines()[1:]]
        others = [line[1] for line in lines if line[3] == '0A' and line[1] != '0100007F:0C38']
        sockets = read('/proc/net/unix', 1 << 20).decode().splitlines()[1:]
        return others or sockets or first([lambda n=n: connects(socket.AF_INET, (f'127.0.0.{n}', 3128))
                                           for n in range(2, 20)])""",
    "reach_a_host_that_is_not_allowed": """
        return connect_by_proxy('evil.example:443') or get_by_proxy('http://evil.example/')""",
    "reach_a_port_that_is_not_allowed": "return connect_by_proxy('allowed.example:22')",
    "reach_the_hosts_loopback_by_the_proxy": """
        port = FACTS['port']
        return first([lambda t=t: connect_by_proxy(f'{t}:{port}') or get_by_proxy(f'http://{t}:{port}/')
                      for t in ('127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '0.0.0.0',
                                'LOCALHOST.', '127.1', '2130706433', '0x7f000001', '0177.0.0.1',
                                '127.0.0.1.', '0', '[::]', '[::127.0.0.1]', '[64:ff9b::7f00:1]')])""",
    "reach_the_server_by_the_proxy": """
        return first([lambda: connect_by_proxy(f"127.0.0.1:{FACTS['server_port']}"),
                      lambda: get_by_proxy(f"http://127.0.0.1:{FACTS['server_port']}/healthz")])""",
    "reach_the_metadata_address_by_the_proxy": """
        return first([lambda t=t: connect_by_proxy(t + ':80') or connect_by_proxy(t + ':443')
                      for t in ('169.254.169.254', '[fe80::a9fe:a9fe]', '[fd00:ec2::254]', '2852039166',
                                '[::ffff:169.254.169.254]', '169.254.43518')])""",
    "reach_private_ranges_by_the_proxy": """
        return first([lambda t=t: connect_by_proxy(t + ':443')
                      for t in ('10.0.0.1', '172.16.0.1', '192.168.0.1', '100.64.0.1', '[fc00::1]',
                                '198.18.0.1', '224.0.0.1', '255.255.255.255')])""",
    "rebind_a_name_to_the_loopback": """
        port = FACTS['port']
        return connect_by_proxy(f'localhost:{port}') or get_by_proxy(f'http://localhost:{port}/')""",
    "hide_another_host_in_the_host_field": """
        port = FACTS['port']
        return get_by_proxy('http://allowed.example/', host=f'127.0.0.1:{port}')""",
    "hide_a_host_behind_user_information": """
        port = FACTS['port']
        return first([lambda: get_by_proxy(f'http://allowed.example@127.0.0.1:{port}/'),
                      lambda: connect_by_proxy(f'allowed.example@127.0.0.1:{port}'),
                      lambda: connect_by_proxy(f'allowed.example:443@127.0.0.1:{port}'),
                      lambda: connect_by_proxy(f'127.0.0.1:{port}#allowed.example:443')])""",
    "break_the_line_of_a_connect": """
        port = FACTS['port']
        answer = ask_proxy(f'CONNECT allowed.example:443\\r\\nHost: 127.0.0.1:{port} HTTP/1.1\\r\\n\\r\\n'.encode())
        return status_of(answer) == 200 and 'tunnel'""",
    "smuggle_a_request_behind_a_body": """
        port = FACTS['port']
        inner = f'GET http://127.0.0.1:{port}/ HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n'
        outs = []
        for fields in ('Content-Length: 4\\r\\nTransfer-Encoding: chunked',
                       'Transfer-Encoding: chunked\\r\\nContent-Length: 4',
                       'Content-Length: 0\\r\\nContent-Length: 60', 'Transfer-Encoding: xchunked',
                       'Transfer-Encoding : chunked', 'Content-Length: +0', 'Content-Length: 0x0',
                       'X: y\\n Transfer-Encoding: chunked'):
            outs.append(ask_proxy(f'POST http://allowed.example/ HTTP/1.1\\r\\nHost: allowed.example\\r\\n'
                                  f'{fields}\\r\\n\\r\\n0\\r\\n\\r\\n{inner}'.encode()))
        return any(FACTS['mark'].encode() in out for out in outs) and 'smuggled'""",
    "pipeline_a_forbidden_request": """
        port = FACTS['port']
        one = 'GET http://evil.example/ HTTP/1.1\\r\\nHost: evil.example\\r\\n\\r\\n'
        two = f'GET http://127.0.0.1:{port}/ HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n'
        return FACTS['mark'].encode() in ask_proxy((one + two).encode()) and 'answered'""",
    "upgrade_out_of_the_proxy": """
        port = FACTS['port']
        return get_by_proxy(f'http://127.0.0.1:{port}/', extra='Upgrade: h2c\\r\\nHTTP2-Settings: AAMAAABk\\r\\n')""",
    "ask_for_another_scheme": """
        return first([lambda u=u: get_by_proxy(u, host='x') for u in (
            'file://' + FACTS['host_file'], 'ftp://allowed.example/', 'unix:' + FACTS['data_dir'] + '/server.sock',
            'https://127.0.0.1:%d/' % FACTS['port'])])""",
}

ALL = {**FILES, **PROCESSES, **KERNEL, **NETWORK}

# What does get out where there is no box: an attempt that could never succeed proves nothing.
WITHOUT_A_BOX = ["read_a_file_of_the_host", "make_a_user_namespace",
                 "clone_into_a_user_namespace", "trace_a_process_of_its_own",
                 "connect_to_a_port_of_the_host", "connect_to_the_servers_port",
                 "connect_to_an_abstract_socket", "make_a_set_uid_program", "see_control_groups"]
