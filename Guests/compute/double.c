// Double precision: additions, multiplications and comparisons in a short loop (how long points take to leave the
// Mandelbrot set), and divisions and square roots on arrays (bodies that attract each other). Only operations that
// IEEE 754 rounds in one way, and compiled without contraction, so that every processor computes the same.

#include <math.h>
#include <string.h>

#include "programs.h"

enum { width = 192, height = 160, most_iterations = 1000, bodies = 32, steps = 1200 };

static uint64_t mandelbrot(void) {
    uint64_t checksum = 0;
    for (int row = 0; row < height; row++) {
        double c_imaginary = 2.0 * row / height - 1.0;
        for (int column = 0; column < width; column++) {
            double c_real = 3.0 * column / width - 2.0;
            double real = 0, imaginary = 0;
            uint64_t iterations = 0;
            while (iterations < most_iterations && real * real + imaginary * imaginary <= 4.0) {
                double next = real * real - imaginary * imaginary + c_real;
                imaginary = 2.0 * real * imaginary + c_imaginary;
                real = next;
                iterations++;
            }
            checksum = mix(checksum, iterations);
        }
    }
    return checksum;
}

static double position[bodies][3], velocity[bodies][3], mass[bodies];

static void move(double time) {
    for (int i = 0; i < bodies; i++) {
        for (int j = i + 1; j < bodies; j++) {
            double distance[3], square = 0.01;
            for (int axis = 0; axis < 3; axis++) {
                distance[axis] = position[i][axis] - position[j][axis];
                square += distance[axis] * distance[axis];
            }
            double pull = time / (square * sqrt(square));
            for (int axis = 0; axis < 3; axis++) {
                velocity[i][axis] -= distance[axis] * mass[j] * pull;
                velocity[j][axis] += distance[axis] * mass[i] * pull;
            }
        }
    }
    for (int i = 0; i < bodies; i++) {
        for (int axis = 0; axis < 3; axis++) position[i][axis] += time * velocity[i][axis];
    }
}

static uint64_t attract(void) {
    uint64_t random = 1;
    for (int i = 0; i < bodies; i++) {
        mass[i] = 1.0 + (double)(next_random(&random) >> 40) / (1 << 24);
        for (int axis = 0; axis < 3; axis++) {
            position[i][axis] = (double)(next_random(&random) >> 40) / (1 << 22);
            velocity[i][axis] = 0;
        }
    }
    for (int step = 0; step < steps; step++) move(0.001);
    uint64_t checksum = 0;
    for (int i = 0; i < bodies; i++) {
        for (int axis = 0; axis < 3; axis++) {
            uint64_t bits;
            memcpy(&bits, &position[i][axis], sizeof bits);
            checksum = mix(checksum, bits);
        }
    }
    return checksum;
}

uint64_t run_double(void) { return mix(mandelbrot(), attract()); }
