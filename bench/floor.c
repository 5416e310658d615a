/* The kernel's own floor for an attach: the rtnetlink messages that glassbridge sends, from C.
 *
 * Reads one command a line and answers with the microseconds that it took, so that the benchmark
 * can interleave it with everything else in one run:
 *
 *   attach NETNS HOST_END BRIDGE ADDRESS GATEWAY   ->  microseconds
 *   bridge NAME                                    ->  microseconds
 *
 * Two sends as in glassbridge: one on the host, one in the sandbox. No firewall, no store, no HTTP.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define GROUP 0x666c6f72u /* not ours: a daemon that heals would sweep the links away */
#define ADDR_GEN_MODE_NONE 1

struct batch {
    char bytes[4096];
    size_t length;
    struct nlmsghdr *last;
};

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static struct nlmsghdr *message(struct batch *b, int type, int flags, const void *head, size_t size)
{
    struct nlmsghdr *n = (void *)(b->bytes + b->length);
    memset(n, 0, NLMSG_SPACE(size));
    n->nlmsg_type = type;
    n->nlmsg_flags = NLM_F_REQUEST | flags;
    n->nlmsg_len = NLMSG_LENGTH(size);
    memcpy(NLMSG_DATA(n), head, size);
    b->last = n;
    return n;
}

static struct rtattr *attribute(struct nlmsghdr *n, int type, const void *data, size_t size)
{
    struct rtattr *a = (void *)((char *)n + NLMSG_ALIGN(n->nlmsg_len));
    a->rta_type = type;
    a->rta_len = RTA_LENGTH(size);
    if (size)
        memcpy(RTA_DATA(a), data, size);
    n->nlmsg_len = NLMSG_ALIGN(n->nlmsg_len) + RTA_ALIGN(a->rta_len);
    return a;
}

static void text(struct nlmsghdr *n, int type, const char *value)
{
    attribute(n, type, value, strlen(value) + 1);
}

static void end_nest(struct nlmsghdr *n, struct rtattr *a)
{
    a->rta_len = (char *)n + n->nlmsg_len - (char *)a;
}

static void finish(struct batch *b)
{
    b->length += NLMSG_ALIGN(b->last->nlmsg_len);
}

static int route_socket(void)
{
    int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int one = 1;
    struct sockaddr_nl any = {.nl_family = AF_NETLINK};
    if (s < 0)
        die("socket");
    setsockopt(s, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
    if (bind(s, (void *)&any, sizeof any))
        die("bind");
    return s;
}

/* The last message asks for an acknowledgement; a failed one is always answered. */
static void exchange(int s, struct batch *b, const char *what)
{
    char answer[16384];
    b->last->nlmsg_flags |= NLM_F_ACK;
    if (send(s, b->bytes, b->length, 0) < 0)
        die(what);
    ssize_t size = recv(s, answer, sizeof answer, 0);
    if (size < 0)
        die(what);
    unsigned left = size;
    for (struct nlmsghdr *n = (void *)answer; NLMSG_OK(n, left); n = NLMSG_NEXT(n, left)) {
        struct nlmsgerr *e = NLMSG_DATA(n);
        if (n->nlmsg_type == NLMSG_ERROR && e->error) {
            errno = -e->error;
            die(what);
        }
    }
}

static void no_link_local(struct batch *b, const char *name, int index)
{
    struct ifinfomsg head = {.ifi_index = index};
    unsigned char mode = ADDR_GEN_MODE_NONE;
    struct nlmsghdr *n = message(b, RTM_SETLINK, 0, &head, sizeof head);
    if (name)
        text(n, IFLA_IFNAME, name);
    struct rtattr *spec = attribute(n, IFLA_AF_SPEC | NLA_F_NESTED, 0, 0);
    struct rtattr *inet6 = attribute(n, AF_INET6 | NLA_F_NESTED, 0, 0);
    attribute(n, IFLA_INET6_ADDR_GEN_MODE, &mode, 1);
    end_nest(n, inet6);
    end_nest(n, spec);
    finish(b);
}

static void host_side(int s, int netns, const char *host_end, const char *bridge)
{
    struct batch b = {.length = 0};
    struct ifinfomsg none = {0}, up = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    unsigned group = GROUP, mtu = 1500, master = if_nametoindex(bridge);
    static unsigned serial;
    unsigned char mac[6] = {2, 0x42, 0, 0, serial >> 8, serial & 255};
    serial++;

    struct nlmsghdr *n =
        message(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &none, sizeof none);
    text(n, IFLA_IFNAME, host_end);
    attribute(n, IFLA_MTU, &mtu, 4);
    attribute(n, IFLA_GROUP, &group, 4);
    struct rtattr *info = attribute(n, IFLA_LINKINFO | NLA_F_NESTED, 0, 0);
    text(n, IFLA_INFO_KIND, "veth");
    struct rtattr *data = attribute(n, IFLA_INFO_DATA | NLA_F_NESTED, 0, 0);
    struct rtattr *peer = attribute(n, VETH_INFO_PEER | NLA_F_NESTED, 0, 0);
    memcpy((char *)n + n->nlmsg_len, &none, sizeof none);
    n->nlmsg_len += sizeof none;
    text(n, IFLA_IFNAME, "eth0");
    attribute(n, IFLA_ADDRESS, mac, 6);
    attribute(n, IFLA_MTU, &mtu, 4);
    attribute(n, IFLA_NET_NS_FD, &netns, 4);
    end_nest(n, peer);
    end_nest(n, data);
    end_nest(n, info);
    finish(&b);

    no_link_local(&b, host_end, 0);

    n = message(&b, RTM_SETLINK, 0, &up, sizeof up);
    text(n, IFLA_IFNAME, host_end);
    attribute(n, IFLA_MASTER, &master, 4);
    attribute(n, IFLA_IFALIAS, "floor:0123456789ab", 18);
    finish(&b);
    exchange(s, &b, "host side");
}

static void sandbox_side(int s, const char *address, const char *gateway)
{
    struct batch b = {.length = 0};
    struct ifreq request = {0};
    strcpy(request.ifr_name, "eth0");
    if (ioctl(s, SIOCGIFINDEX, &request))
        die("eth0");
    int index = request.ifr_ifindex;

    no_link_local(&b, NULL, index);
    int links[2] = {1, index};
    for (int i = 0; i < 2; i++) {
        struct ifinfomsg up = {.ifi_index = links[i], .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
        message(&b, RTM_SETLINK, 0, &up, sizeof up);
        finish(&b);
    }
    struct in_addr own, next;
    inet_pton(AF_INET, address, &own);
    inet_pton(AF_INET, gateway, &next);
    struct ifaddrmsg a = {.ifa_family = AF_INET, .ifa_prefixlen = 16, .ifa_index = index};
    struct nlmsghdr *n = message(&b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &a, sizeof a);
    attribute(n, IFA_LOCAL, &own, 4);
    attribute(n, IFA_ADDRESS, &own, 4);
    finish(&b);
    struct rtmsg r = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN,
                      .rtm_protocol = RTPROT_STATIC, .rtm_type = RTN_UNICAST};
    n = message(&b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &r, sizeof r);
    attribute(n, RTA_GATEWAY, &next, 4);
    attribute(n, RTA_OIF, &index, 4);
    finish(&b);
    exchange(s, &b, "sandbox side");
}

static double attach(int s, int home, char **words)
{
    double began = now_us();
    int netns = open(words[1], O_RDONLY | O_CLOEXEC);
    if (netns < 0 || setns(netns, CLONE_NEWNET))
        die(words[1]);
    int inside = route_socket();
    if (setns(home, CLONE_NEWNET))
        die("setns");
    host_side(s, netns, words[2], words[3]);
    sandbox_side(inside, words[4], words[5]);
    close(inside);
    close(netns);
    return now_us() - began;
}

static double make_bridge(int s, char **words)
{
    double began = now_us();
    struct batch b = {.length = 0};
    struct ifinfomsg up = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    struct nlmsghdr *n = message(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &up, sizeof up);
    text(n, IFLA_IFNAME, words[1]);
    struct rtattr *info = attribute(n, IFLA_LINKINFO | NLA_F_NESTED, 0, 0);
    text(n, IFLA_INFO_KIND, "bridge");
    end_nest(n, info);
    finish(&b);
    exchange(s, &b, "bridge");
    return now_us() - began;
}

int main(void)
{
    char line[512], *words[8];
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), s = route_socket();
    while (fgets(line, sizeof line, stdin)) {
        int count = 0;
        for (char *w = strtok(line, " \n"); w && count < 8; w = strtok(NULL, " \n"))
            words[count++] = w;
        if (count == 6 && !strcmp(words[0], "attach"))
            printf("%.1f\n", attach(s, home, words));
        else if (count == 2 && !strcmp(words[0], "bridge"))
            printf("%.1f\n", make_bridge(s, words));
        else
            return 2;
        fflush(stdout);
    }
    return 0;
}
