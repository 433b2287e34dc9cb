// SPDX-License-Identifier: MIT
/*
 * A growing series of numbers and its median.
 */
#include <math.h>
#include <stdlib.h>

#include "series.h"

void series_add(struct series *series, double value)
{
	if (isnan(value))
		return;
	if (series->count == series->capacity) {
		size_t capacity = series->capacity ? 2 * series->capacity : 64;
		double *values =
			reallocarray(series->values, capacity, sizeof(*values));

		if (!values)
			return;
		series->values = values;
		series->capacity = capacity;
	}
	series->values[series->count++] = value;
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left;
	double b = *(const double *)right;

	return (a > b) - (a < b);
}

double series_median(struct series *series)
{
	size_t half = series->count / 2;

	if (!series->count)
		return NAN;
	qsort(series->values, series->count, sizeof(*series->values), compare);
	if (series->count % 2)
		return series->values[half];
	return (series->values[half - 1] + series->values[half]) / 2;
}

void series_free(struct series *series)
{
	free(series->values);
	*series = (struct series){ 0 };
}
