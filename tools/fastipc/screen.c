/* SPDX-License-Identifier: MIT */
/* A whole terminal to draw on. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <fastipc/types.h>

#include "screen.h"

/* The alternate screen, without cursor and without wrapping; and back. */
#define ENTER "\033[?1049h\033[?25l\033[?7l"
#define LEAVE "\033[?7h\033[?25h\033[?1049l"
/* To the first place; and nothing from here on. */
#define HOME "\033[H"
#define CLEAR_REST "\033[J"

static const int caught[] = { SIGINT,  SIGTERM, SIGHUP,	 SIGQUIT,
			      SIGTSTP, SIGCONT, SIGWINCH };
#define CAUGHT (sizeof(caught) / sizeof(caught[0]))

static struct termios saved_modes;
static bool has_keyboard;
/* Signals are blocked but while it waits: none is missed. */
static sigset_t unblocked;
static volatile sig_atomic_t ending, stopping, continued, redraw;

static void on_signal(int signal)
{
	if (signal == SIGTSTP)
		stopping = 1;
	else if (signal == SIGCONT)
		continued = 1;
	else if (signal == SIGWINCH)
		redraw = 1;
	else
		ending = 1;
}

static void put(const char *text, size_t size)
{
	while (size) {
		ssize_t count = write(STDOUT_FILENO, text, size);

		if (count < 0 && errno != EINTR) {
			ending = 1; /* the terminal is gone */
			return;
		}
		if (count > 0) {
			text += count;
			size -= (size_t)count;
		}
	}
}

static void enter(void)
{
	struct termios modes = saved_modes;

	modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	modes.c_cc[VMIN] = 1;
	modes.c_cc[VTIME] = 0;
	if (has_keyboard)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &modes);
	put(ENTER, strlen(ENTER));
}

static void leave(void)
{
	put(LEAVE, strlen(LEAVE));
	if (has_keyboard)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved_modes);
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t blocked;

	sigemptyset(&blocked);
	for (size_t i = 0; i < CAUGHT; i++) {
		sigaddset(&blocked, caught[i]);
		sigaction(caught[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &blocked, &unblocked);
}

int screen_begin(void)
{
	if (!isatty(STDOUT_FILENO))
		return -ENOTTY;
	has_keyboard = !tcgetattr(STDIN_FILENO, &saved_modes);
	catch_signals();
	enter();
	return 0;
}

void screen_end(void)
{
	leave();
	sigprocmask(SIG_SETMASK, &unblocked, NULL);
}

void screen_size(size_t *rows, size_t *columns)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row ||
	    !size.ws_col) {
		size.ws_row = 24;
		size.ws_col = 80;
	}
	*rows = size.ws_row;
	*columns = size.ws_col;
}

void screen_draw(const char *text, size_t size)
{
	put(HOME, strlen(HOME));
	put(text, size);
	put(CLEAR_REST, strlen(CLEAR_REST));
}

/* To the background, with the terminal as it was, and back to ours. */
static void look_at_signals(void)
{
	if (stopping) {
		stopping = 0;
		leave();
		raise(SIGSTOP);
		continued = 1;
	}
	if (continued) {
		continued = 0;
		enter();
		redraw = 1;
	}
}

static int read_key(void)
{
	unsigned char key;

	/* What is not there or cannot be read will not come any more. */
	if (read(STDIN_FILENO, &key, 1) == 1)
		return key;
	return SCREEN_END;
}

int screen_wait(uint64_t deadline)
{
	struct pollfd keyboard = { .fd = STDIN_FILENO, .events = POLLIN };

	for (;;) {
		uint64_t now = fastipc_now_ns();
		uint64_t left = deadline > now ? deadline - now : 0;
		struct timespec timeout = {
			.tv_sec = (time_t)(left / 1000000000),
			.tv_nsec = (long)(left % 1000000000),
		};
		int ready =
			ppoll(&keyboard, has_keyboard, &timeout, &unblocked);

		look_at_signals();
		if (ending)
			return SCREEN_END;
		if (redraw) {
			redraw = 0;
			return SCREEN_REDRAW;
		}
		if (ready > 0)
			return read_key();
		if (!ready)
			return SCREEN_TIMEOUT;
	}
}
