// SPDX-License-Identifier: Apache-2.0
#include "vminit-harness.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/socket.h"
#include "rpc/server.h"
#include "temporary.h"
#include "vminit/container.h"
#include "vminit/network.h"
#include "vminit/service.h"
#include "vminit/transport.h"

static int server_dirfd;
static const char *const host_dirs[] = {"bin", "lib", "lib64", "usr"};

const char *harness_missing(void)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[4096];
	bool found = false;

	if (geteuid() != 0)
		return "needs root";
	while (mounts && fgets(line, sizeof(line), mounts))
		found |= strstr(line, " - cgroup2 ") != NULL;
	if (mounts)
		fclose(mounts);
	return found ? NULL : "needs a cgroup v2 hierarchy";
}

static _noreturn_ void die(const char *what)
{
	perror(what);
	_exit(1);
}

static int connect_unix(const struct transport *transport, uint32_t port)
{
	char name[32];

	(void)transport;
	snprintf(name, sizeof(name), "port_%u", port);
	return socket_connect_at(server_dirfd, name, SOCK_STREAM | SOCK_NONBLOCK);
}

/* The end: exits with the number of cgroups that containers left behind. */
static void end_signal(struct loop_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct service *service = data;

	(void)source;
	(void)info;
	loop_stop(service->loop, 0);
}

static int count_and_remove(const char *path)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	struct dirent *entry;
	int left = 0;

	while (dir && (entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			left++;
	(void)rmdir(path);
	return left;
}

char *harness_cgroup(const char *name)
{
	const char *dir = temporary_dir();

	return xasprintf("%s/cgroup/%s/%s", dir, strrchr(dir, '/') + 1, name);
}

static void make_spares(struct containers *containers)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	int network = network_make_spare(&err);

	if (network >= 0)
		containers_set_spare_network(containers, network);
	if (network < 0 || containers_make_spare(containers, &err) < 0)
		die(error_message(&err));
}

static _noreturn_ void serve(const char *cgroup_mount, int listen_fd, bool with_spare)
{
	static const struct transport transport = {.connect = connect_unix};
	static struct service service;
	char path[512];
	_cleanup_error_ struct error err = ERROR_INIT;
	struct rpc_server *server;
	sigset_t end;
	int fd;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", 0, NULL) < 0 ||
	    mount("cgroup2", cgroup_mount, "cgroup2", 0, NULL) < 0)
		die("mount");
	snprintf(path, sizeof(path), "%s/%s", cgroup_mount, strrchr(temporary_dir(), '/') + 1);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		die(path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		die(path);
	if (service_begin(&service, fd, path, &transport, &server, &err) < 0)
		die(error_message(&err));
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	loop_add_signals(service.loop, &end, end_signal, &service);
	rpc_server_listen(server, listen_fd);
	if (with_spare)
		make_spares(service.containers);
	loop_run(service.loop);
	_exit(count_and_remove(path));
}

static void make_rootfs(struct harness *h)
{
	static const char *const dirs[] = {"bin",  "dev", "etc", "lib", "lib64",
					   "proc", "sys", "tmp", "usr"};
	char path[256];

	h->rootfs = xasprintf("%s/rootfs", temporary_dir());
	mkdir(h->rootfs, 0755);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", h->rootfs, dirs[i]);
		mkdir(path, 0755);
	}
}

void harness_start(struct harness *h)
{
	struct clone_args args = {.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS,
				  .exit_signal = SIGCHLD};
	char cgroup_mount[256];
	int listen_fd, fd;

	signal(SIGPIPE, SIG_IGN);
	h->dirfd = server_dirfd = temporary_subdir("sockets");
	make_rootfs(h);
	snprintf(cgroup_mount, sizeof(cgroup_mount), "%s/cgroup", temporary_dir());
	mkdir(cgroup_mount, 0755);
	listen_fd = socket_listen_at(h->dirfd, "rpc", SOCK_STREAM | SOCK_NONBLOCK);
	if (listen_fd < 0)
		die("listen");
	h->pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (h->pid < 0)
		die("clone3");
	if (h->pid == 0)
		serve(cgroup_mount, listen_fd, h->with_spare);
	close(listen_fd);
	fd = socket_connect_at(h->dirfd, "rpc", SOCK_STREAM);
	if (fd < 0 || loop_new(&h->loop) < 0)
		die("connect");
	h->client = rpc_client_new(h->loop, fd, "vminitd");
}

int harness_stop(struct harness *h)
{
	int status = -1;

	rpc_client_free(h->client);
	loop_free(h->loop);
	kill(h->pid, SIGTERM);
	waitpid(h->pid, &status, 0);
	free(h->rootfs);
	/* Another one may be started. */
	(void)unlinkat(h->dirfd, "rpc", 0);
	close(h->dirfd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void harness_stream_open(struct harness *h, struct harness_stream *s)
{
	static unsigned int next_port = 5000;
	char name[32];

	s->port = next_port++;
	s->fd = -1;
	snprintf(name, sizeof(name), "port_%u", s->port);
	s->listen_fd = socket_listen_at(h->dirfd, name, SOCK_STREAM);
	if (s->listen_fd < 0)
		die("listen");
}

void harness_stream_accept(struct harness_stream *s)
{
	struct timeval timeout = {.tv_sec = 20};

	setsockopt(s->listen_fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	s->fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (s->fd < 0)
		die("accept");
	setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

void harness_stream_read(struct harness_stream *s, struct strbuf *out)
{
	(void)io_read_fd(s->fd, 64U << 20, out);
}

void harness_stream_close(struct harness_stream *s)
{
	close_keep_errno(s->fd);
	close_keep_errno(s->listen_fd);
	s->fd = s->listen_fd = -1;
}

char *harness_config(struct harness *h, const char *script, const char *process,
		     const char *linux_members, const char *members)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	strbuf_printf(&b,
		      "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"%s\"},"
		      "\"process\":{\"env\":[\"PATH=/usr/bin:/bin\"]%s",
		      h->rootfs, strstr(process, "\"cwd\"") ? "" : ",\"cwd\":\"/\"");
	if (script) {
		strbuf_puts(&b, ",\"args\":[\"sh\",\"-c\",");
		strbuf_json_string(&b, script);
		strbuf_puts(&b, "]");
	}
	strbuf_printf(&b, "%s},\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\"},",
		      process);
	strbuf_puts(&b, "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"options\":[\"nosuid\","
			"\"mode=755\"]},{\"destination\":\"/dev/pts\",\"type\":\"devpts\","
			"\"options\":[\"newinstance\",\"ptmxmode=0666\",\"mode=0620\"]}");
	for (size_t i = 0; i < ARRAY_SIZE(host_dirs); i++)
		strbuf_printf(&b,
			      ",{\"destination\":\"/%s\",\"source\":\"/%s\",\"type\":\"bind\","
			      "\"options\":[\"bind\",\"ro\"]}",
			      host_dirs[i], host_dirs[i]);
	strbuf_printf(&b,
		      "%s],\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},"
		      "{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"network\"},"
		      "{\"type\":\"cgroup\"}]%s}}",
		      members, linux_members);
	return strbuf_take(&b);
}

int harness_create(struct harness *h, const char *id, const char *config,
		   struct harness_stream streams[3], struct error *err)
{
	GUEST(CreateContainerRequest) request = GUEST_INIT(CREATE_CONTAINER_REQUEST);

	request.container_id = (char *)id;
	request.configuration.data = (uint8_t *)config;
	request.configuration.len = strlen(config);
	if (streams && streams[0].port) {
		request.opt_stdin_port_case =
			GUEST_CONST(CREATE_CONTAINER_REQUEST__OPT_STDIN_PORT_STDIN_PORT);
		request.stdin_port = streams[0].port;
	}
	if (streams && streams[1].port) {
		request.opt_stdout_port_case =
			GUEST_CONST(CREATE_CONTAINER_REQUEST__OPT_STDOUT_PORT_STDOUT_PORT);
		request.stdout_port = streams[1].port;
	}
	if (streams && streams[2].port) {
		request.opt_stderr_port_case =
			GUEST_CONST(CREATE_CONTAINER_REQUEST__OPT_STDERR_PORT_STDERR_PORT);
		request.stderr_port = streams[2].port;
	}
	return rpc_client_call_sync(h->client, GUEST_SERVICE, "CreateContainer", &request.base,
				    HARNESS_TIMEOUT, NULL, err);
}

int harness_exec(struct harness *h, const char *container, const char *id, const char *config,
		 struct harness_stream streams[3], struct error *err)
{
	SANDBOX(CreateProcessRequest) request = SANDBOX_INIT(CREATE_PROCESS_REQUEST);

	request.id = (char *)id;
	request.opt_container_id_case =
		SANDBOX_CONST(CREATE_PROCESS_REQUEST__OPT_CONTAINER_ID_CONTAINER_ID);
	request.containerid = (char *)container;
	request.configuration.data = (uint8_t *)config;
	request.configuration.len = strlen(config);
	if (streams && streams[1].port) {
		request.opt_stdout_case = SANDBOX_CONST(CREATE_PROCESS_REQUEST__OPT_STDOUT_STDOUT);
		request.stdout = streams[1].port;
	}
	return rpc_client_call_sync(h->client, SANDBOX_SERVICE, "CreateProcess", &request.base,
				    HARNESS_TIMEOUT, NULL, err);
}

int harness_start_process(struct harness *h, const char *container, const char *process,
			  struct error *err)
{
	SANDBOX(StartProcessRequest) request = SANDBOX_INIT(START_PROCESS_REQUEST);

	request.id = (char *)(process ? process : container);
	request.opt_container_id_case =
		SANDBOX_CONST(START_PROCESS_REQUEST__OPT_CONTAINER_ID_CONTAINER_ID);
	request.containerid = (char *)container;
	return rpc_client_call_sync(h->client, SANDBOX_SERVICE, "StartProcess", &request.base,
				    HARNESS_TIMEOUT, NULL, err);
}

int harness_kill(struct harness *h, const char *container, int signal, struct error *err)
{
	SANDBOX(KillProcessRequest) request = SANDBOX_INIT(KILL_PROCESS_REQUEST);

	request.id = (char *)container;
	request.signal = signal;
	return rpc_client_call_sync(h->client, SANDBOX_SERVICE, "KillProcess", &request.base,
				    HARNESS_TIMEOUT, NULL, err);
}

int harness_wait(struct harness *h, const char *container, const char *process, struct error *err)
{
	SANDBOX(WaitProcessRequest) request = SANDBOX_INIT(WAIT_PROCESS_REQUEST);
	ProtobufCMessage *reply = NULL;
	int r;

	request.id = (char *)(process ? process : container);
	request.opt_container_id_case =
		SANDBOX_CONST(WAIT_PROCESS_REQUEST__OPT_CONTAINER_ID_CONTAINER_ID);
	request.containerid = (char *)container;
	r = rpc_client_call_sync(h->client, SANDBOX_SERVICE, "WaitProcess", &request.base,
				 HARNESS_TIMEOUT, &reply, err);
	if (!r)
		r = ((SANDBOX(WaitProcessResponse) *)reply)->exitcode;
	grpc_free(reply);
	return r;
}

int harness_remove(struct harness *h, const char *container, struct error *err)
{
	GUEST(RemoveContainerRequest) request = GUEST_INIT(REMOVE_CONTAINER_REQUEST);

	request.container_id = (char *)container;
	return rpc_client_call_sync(h->client, GUEST_SERVICE, "RemoveContainer", &request.base,
				    HARNESS_TIMEOUT, NULL, err);
}

int harness_run(struct harness *h, const char *config, struct strbuf *out, struct error *err)
{
	struct harness_stream streams[3] = {{-1, -1, 0}, {-1, -1, 0}, {-1, -1, 0}};
	int r, code = 0;

	/* One stream for both outputs keeps their order. */
	harness_stream_open(h, &streams[1]);
	r = harness_create(h, "run", config, streams, err);
	if (!r) {
		harness_stream_accept(&streams[1]);
		r = harness_start_process(h, "run", NULL, err);
		if (!r) {
			harness_stream_read(&streams[1], out);
			r = code = harness_wait(h, "run", NULL, err);
		}
		(void)harness_remove(h, "run", NULL);
	}
	harness_stream_close(&streams[1]);
	return r < 0 ? r : code;
}
