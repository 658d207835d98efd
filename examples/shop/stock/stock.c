/* How many are left. One static binary; a thread for each connection, which is closed after its answer. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int busy = 0;

static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value ? value : "";
}

static void answer(int client, const char *head) {
  char body[512], message[1024];
  if (strncmp(head, "GET /healthz", 12) == 0) {
    snprintf(body, sizeof body, "{\"status\":\"ok\"}\n");
  } else {
    snprintf(body, sizeof body,
             "{\"service\":\"%s\",\"instance\":\"%s\",\"revision\":\"%s\",\"pid\":%d,\"language\":\"C\","
             "\"stock\":{\"anchor\":3,\"compass\":41,\"lantern\":12}}\n",
             variable("SLIPWAY_SERVICE"), variable("SLIPWAY_INSTANCE"), variable("SLIPWAY_REVISION"), getpid());
  }
  int length = snprintf(message, sizeof message,
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                        "Connection: close\r\n\r\n%s",
                        strlen(body), body);
  if (write(client, message, length) < 0) perror("stock: write");
}

static void *serve(void *argument) {
  int client = (int)(long)argument;
  struct timeval patience = {.tv_sec = 5};
  setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char head[8192];
  size_t length = 0;
  for (;;) {
    ssize_t count = read(client, head + length, sizeof head - 1 - length);
    if (count <= 0) break;
    length += count;
    head[length] = '\0';
    if (strstr(head, "\r\n\r\n")) {
      answer(client, head);
      break;
    }
    if (length == sizeof head - 1) break;
  }
  close(client);
  __atomic_sub_fetch(&busy, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

/* SIGTERM: no new connections; those that are open get a second. */
static void *wait_for_the_end(void *argument) {
  sigset_t *signals = argument;
  int received;
  sigwait(signals, &received);
  for (int i = 0; i < 100 && __atomic_load_n(&busy, __ATOMIC_SEQ_CST) > 0; i++) usleep(10000);
  exit(0);
}

int main(void) {
  static sigset_t signals;
  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);

  int port = atoi(variable("PORT")), yes = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int server = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(server, (struct sockaddr *)&address, sizeof address) < 0 || listen(server, 128) < 0) {
    perror("stock");
    return 1;
  }
  printf("stock listens on %d\n", port);
  fflush(stdout);

  pthread_t thread;
  pthread_create(&thread, NULL, wait_for_the_end, &signals);
  for (;;) {
    int client = accept(server, NULL, NULL);
    if (client < 0) continue;
    __atomic_add_fetch(&busy, 1, __ATOMIC_SEQ_CST);
    if (pthread_create(&thread, NULL, serve, (void *)(long)client) == 0) {
      pthread_detach(thread);
    } else {
      __atomic_sub_fetch(&busy, 1, __ATOMIC_SEQ_CST);
      close(client);
    }
  }
}
