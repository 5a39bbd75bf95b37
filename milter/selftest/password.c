#include "selftest/password.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>

#include "base/command.h"

/* Reads a line; without its end in *out. False: there is none, or it is empty, or too long. */
static bool read_line(FILE *f, char *out, size_t size)
{
	size_t len;

	if (fgets(out, (int)size, f) == NULL)
		return false;
	len = strcspn(out, "\r\n");
	if (out[len] == '\0' && len + 1 == size)
		return false;
	out[len] = '\0';
	return len > 0;
}

/* --- a file ------------------------------------------------------------------- */

int password_from_file(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");
	struct stat st;
	bool ok;
	int code = EXIT_OK;

	if (f == NULL || fstat(fileno(f), &st) != 0 || S_ISDIR(st.st_mode)) {
		fprintf(stderr, "relay-guard selftest: can't read %s: %s\n", path,
		    strerror(f == NULL ? errno : EISDIR));
		code = EXIT_NO_INPUT;
	} else if (S_ISREG(st.st_mode) && (st.st_mode & S_IROTH) != 0) {
		fprintf(stderr,
		    "relay-guard selftest: everybody on this host can read the password in %s; "
		    "chmod o= %s\n",
		    path, path);
	}
	ok = code == EXIT_OK && read_line(f, out, size);
	if (f != NULL)
		(void)fclose(f);
	if (code == EXIT_OK && !ok)
		code = command_usage(&command_selftest,
		    "found --auth-password-file %s; expected a file whose first line is the "
		    "password, of at most %zu bytes",
		    path, size - 2);
	return code;
}

/* --- the terminal --------------------------------------------------------------- */

static const int endings[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
enum { ENDINGS = sizeof(endings) / sizeof(endings[0]) };

static volatile sig_atomic_t caught;

static void on_ending(int number)
{
	caught = number;
}

/* Reads without an echo. A signal ends the reading, and is obeyed when the echo is back. */
static bool read_unseen(FILE *tty, const char *login, char *out, size_t size)
{
	const struct sigaction catch = {.sa_handler = on_ending}; /* and no restart */
	struct sigaction before[ENDINGS];
	struct termios saved, quiet;
	bool ok;

	if (tcgetattr(fileno(tty), &saved) != 0)
		return false;
	caught = 0;
	for (size_t i = 0; i < ENDINGS; i++)
		(void)sigaction(endings[i], &catch, &before[i]);
	quiet = saved;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	(void)tcsetattr(fileno(tty), TCSAFLUSH, &quiet);
	fprintf(tty, "password of %s: ", login);
	(void)fflush(tty);
	ok = caught == 0 && read_line(tty, out, size);
	(void)tcsetattr(fileno(tty), TCSAFLUSH, &saved);
	fputs("\n", tty);
	for (size_t i = 0; i < ENDINGS; i++)
		(void)sigaction(endings[i], &before[i], NULL);
	if (caught != 0)
		(void)raise(caught);
	return ok;
}

int password_ask(const char *login, char *out, size_t size)
{
	const char *password = getenv(PASSWORD_VARIABLE);
	FILE *tty = NULL;
	bool ok = false;

	if (password != NULL && *password != '\0' && strlen(password) < size) {
		memcpy(out, password, strlen(password) + 1);
		return EXIT_OK;
	}
	if (password == NULL)
		tty = fopen("/dev/tty", "r+e");
	if (tty != NULL) {
		ok = read_unseen(tty, login, out, size);
		(void)fclose(tty);
	}
	if (ok)
		return EXIT_OK;
	return command_usage(&command_selftest,
	    "--auth-user needs a password: in the environment as " PASSWORD_VARIABLE
	    ", in a file with --auth-password-file, or typed on a terminal");
}
