// SPDX-License-Identifier: Apache-2.0
#include "command/list-options.h"

const char *const list_format_names[] = {
	[LIST_TABLE] = "table",
	[LIST_JSON] = "json",
	NULL,
};
