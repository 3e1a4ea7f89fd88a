/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals by name and number, as kill takes them.
 */
#ifndef RUNVM_SIGNALS_H
#define RUNVM_SIGNALS_H

/**
 * signal_parse() - a signal from its number or name
 * @text: "9", "KILL", "SIGKILL", "kill", "RTMIN+3", "SIGRTMAX-1"
 *
 * Return: the number, or -EINVAL.
 */
int signal_parse(const char *text);

#endif
